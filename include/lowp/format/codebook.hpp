// Codebooks: formats whose values are a list.
//
// nf4, nf3, nf2: NormalFloat, the quantiles of a normal distribution that QLoRA introduced (Dettmers et al. 2023,
// appendix E; arXiv 2305.14314), with the constants of bitsandbytes for nf4; nf3 and nf2 by the same construction
// (offset 0.9677083), as LoftQ (arXiv 2310.08659) uses it. A value halfway between two entries goes to the lower one.
// bnb_fp4: the 4-bit float of bitsandbytes, which is not e2m1: twelfths of 0, 1/16, 2, 3, 4, 6, 8, 12, codes not in order,
// and thresholds of its own.
// codebook<Bits>: codes whose values are known when the program runs; whoever makes and reads them brings those values. Its own are
// evenly spaced from -1 to 1.
//
//   lowp::decode<lowp::nf4>(15) == 1.0f
#pragma once

#include <lowp/core/bits.hpp>
#include <lowp/format/number_format.hpp>

#include <cstdint>

namespace lowp::inline LOWP_ABI {

struct nf4 {
  static constexpr int bits = 4;
  static constexpr tie ties = tie::lower;

  LOWP_HD static constexpr float decode(std::uint32_t code) noexcept {
    constexpr float v[16] = {-1.0f,
                             -0.6961928009986877f,
                             -0.5250730514526367f,
                             -0.39491748809814453f,
                             -0.28444138169288635f,
                             -0.18477343022823334f,
                             -0.09105003625154495f,
                             0.0f,
                             0.07958029955625534f,
                             0.16093020141124725f,
                             0.24611230194568634f,
                             0.33791524171829224f,
                             0.44070982933044434f,
                             0.5626170039176941f,
                             0.7229568362236023f,
                             1.0f};
    return v[code & 15u];
  }
};

struct nf3 {
  static constexpr int bits = 3;
  static constexpr tie ties = tie::lower;

  LOWP_HD static constexpr float decode(std::uint32_t code) noexcept {
    constexpr float v[8] = {
        -1.0f, -0.4786292016506195f, -0.217141792178154f, 0.0f, 0.16093020141124725f, 0.33791524171829224f, 0.5626170039176941f, 1.0f};
    return v[code & 7u];
  }
};

struct nf2 {
  static constexpr int bits = 2;
  static constexpr tie ties = tie::lower;

  LOWP_HD static constexpr float decode(std::uint32_t code) noexcept {
    constexpr float v[4] = {-1.0f, 0.0f, 0.33791524171829224f, 1.0f};
    return v[code & 3u];
  }
};

struct bnb_fp4 {
  static constexpr int bits = 4;

  LOWP_HD static constexpr float decode(std::uint32_t code) noexcept {
    constexpr float v[8] = {0.0f, 0.0052083333f, 0.66666667f, 1.0f, 0.33333333f, 0.5f, 0.16666667f, 0.25f};
    return bit_cast<float>(bit_cast<std::uint32_t>(v[code & 7u]) | (code & 8u) << 28);
  }

  LOWP_HD static constexpr float threshold(int i) noexcept { return i >= 7 ? pivot(i - 7) : from_ordered(-1 - ordered(pivot(6 - i))); }

  // As bitsandbytes, a negative number that becomes zero gives code 8, and minus zero gives code 0.
  LOWP_HD static constexpr std::uint32_t encode(const float& x, nearest_even, overflow) noexcept {
    const auto u = bit_cast<std::uint32_t>(x);
    const auto a = static_cast<std::int32_t>(u & 0x7fffffffu);
    if (a > 0x7f800000) return 3u;
    const auto above = [a](int i) { return static_cast<std::uint32_t>(a > ordered(pivot(i))); };
    const std::uint32_t position = above(0) + above(1) + above(2) + above(3) + above(4) + above(5) + above(6);
    return (0x32547610u >> (4 * position) & 7u) | (a != 0 ? (u >> 31) << 3 : 0u);
  }

 private:
  // The pivots of bitsandbytes: rounded decimals, up to 14 units in the last place away from the midpoints.
  LOWP_HD static constexpr float pivot(int i) noexcept {
    constexpr float v[7] = {0.00260417f, 0.0859375f, 0.20833333f, 0.29166667f, 0.4166667f, 0.583333f, 0.8333333f};
    return v[i];
  }
};

template <int Bits>
struct codebook {
  static_assert(Bits >= 1 && Bits <= 8, "a codebook has 2 to 256 values");
  static constexpr int bits = Bits;

  LOWP_HD static constexpr float decode(std::uint32_t code) noexcept {
    constexpr int last = (1 << Bits) - 1;
    return static_cast<float>(2 * static_cast<int>(code & last) - last) / static_cast<float>(last);
  }
};

}  // namespace lowp::inline LOWP_ABI
