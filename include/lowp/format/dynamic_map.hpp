// bitsandbytes' signed dynamic map of 8 bits, in which double quantization keeps the scales of blocks: seven decades up to one, each with
// twice the numbers of the one below, spread evenly; then zero and one.
//
//   lowp::decode<lowp::bnb_dynamic8>(255) == 1.0f
//   lowp::decode<lowp::bnb_dynamic8>(127) == 0.0f       // and 0 is -0.99297, not -1
//
// Source: Dettmers et al. 2022 (arXiv 2110.02861), section 2.1; bitsandbytes, functional.create_dynamic_map, bit for bit.
#pragma once

#include <lowp/core/bits.hpp>
#include <lowp/format/number_format.hpp>

#include <cstdint>

namespace lowp::inline LOWP_ABI {

struct bnb_dynamic8 {
  static constexpr int bits = 8;

  LOWP_HD static constexpr float decode(std::uint32_t code) noexcept {
    code &= 0xffu;
    if (code == 255) return 1.0f;
    if (code == 127) return 0.0f;
    const std::uint32_t place = code > 127 ? code - 127 : 127 - code;  // 1 to 127, ascending
    const int decade = bit_width(place) - 1;
    const std::uint32_t count = std::uint32_t{1} << decade;
    const float mean = (boundary(place - count, count) + boundary(place - count + 1, count)) / 2;
    constexpr float powers[7] = {1e-6f, 1e-5f, 1e-4f, 1e-3f, 1e-2f, 1e-1f, 1.0f};
    const float value = powers[decade] * mean;
    return code > 127 ? value : -value;
  }

 private:
  // The k-th of count + 1 numbers from 0.1 to 1, counted from the nearer end; exact until it is rounded once.
  LOWP_HD static constexpr float boundary(std::uint32_t k, std::uint32_t count) noexcept {
    const double step = static_cast<double>((1.0f - 0.1f) / static_cast<float>(count));
    return k < (count + 1) / 2 ? static_cast<float>(static_cast<double>(0.1f) + step * k) : static_cast<float>(1.0 - step * (count - k));
  }
};

}  // namespace lowp::inline LOWP_ABI
