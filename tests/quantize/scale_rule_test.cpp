// The MX scale rules against a recipe on the bits of amax, over every exponent and the mantissas where rules change.

#include <lowp/quantize/quantize.hpp>
#include <lowp/scheme/presets.hpp>

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cstdint>
#include <vector>

namespace {

struct element {
  int emax;
  int mantissa_bits;
  float largest;
};

int clamp_code(int code) { return code < 0 ? 0 : code > 254 ? 254 : code; }

int floor_code(std::uint32_t amax, const element& e) { return clamp_code(static_cast<int>(amax >> 23) - e.emax); }
int even_code(std::uint32_t amax, const element& e) {
  return amax == 0 ? 0 : clamp_code(static_cast<int>((amax + (1u << (22 - e.mantissa_bits))) >> 23) - e.emax);
}
// The code of 0 is a power of two too, below the normal numbers: only an element with emax = 0 can tell.
int ceil_code(std::uint32_t amax, const element& e) {
  const auto exponent = static_cast<int>(amax >> 23);
  if (exponent == 0) return e.emax == 0 && amax > 0x400000u ? 1 : 0;
  const int code = exponent + ((amax & 0x7fffffu) != 0 ? 1 : 0) - e.emax;
  return clamp_code(code);
}
int rceil_code(std::uint32_t amax, const element& e) {
  const auto quotient = lowp::bit_cast<std::uint32_t>(lowp::bit_cast<float>(amax) / e.largest);
  const auto exponent = static_cast<int>(quotient >> 23);
  if (exponent == 0) return quotient > 0x400000u ? 1 : 0;
  return clamp_code(exponent + ((quotient & 0x7fffffu) != 0 ? 1 : 0));
}

template <lowp::scheme_type S, class Rule>
int code_of(std::uint32_t amax, Rule rule) {
  const std::vector<float> w{0.0f, -lowp::bit_cast<float>(amax)};
  return lowp::quantize<S>(view_of(w, 1, 2), lowp::recipe{lowp::absmax{}, lowp::nearest_even{}, rule}).scales().codes()(0, 0);
}

template <lowp::scheme_type S>
int differences(const element& e) {
  std::vector<std::uint32_t> mantissas{0,        1,        2,        0x1fffff, 0x200000, 0x200001, 0x3fffff, 0x400000, 0x400001, 0x5fffff,
                                       0x600000, 0x600001, 0x6fffff, 0x700000, 0x700001, 0x7e0000, 0x7dffff, 0x7ffffe, 0x7fffff};
  for (std::uint64_t i = 0; i < 40; ++i) mantissas.push_back(static_cast<std::uint32_t>(random_bits(41, i) & 0x7fffffu));
  int different = 0;
  for (std::uint32_t exponent = 0; exponent < 255; ++exponent) {
    for (const std::uint32_t m : mantissas) {
      const std::uint32_t amax = exponent << 23 | m;
      different += code_of<S>(amax, lowp::mx_floor{}) != floor_code(amax, e);
      different += code_of<S>(amax, lowp::mx_ceil{}) != ceil_code(amax, e);
      different += code_of<S>(amax, lowp::mx_rceil{}) != rceil_code(amax, e);
      different += code_of<S>(amax, lowp::mx_even{}) != even_code(amax, e);
      different += code_of<S>(amax, lowp::default_scale{}) != floor_code(amax, e);
    }
  }
  return different;
}

}  // namespace

TEST_CASE("MX scales follow the four rules for every exponent", "[quantize]") {
  CHECK(differences<lowp::mxfp8_e4m3>({8, 3, 448}) == 0);
  CHECK(differences<lowp::mxfp8_e5m2>({15, 2, 57344}) == 0);
  CHECK(differences<lowp::mxfp6_e2m3>({2, 3, 7.5f}) == 0);
  CHECK(differences<lowp::mxfp6_e3m2>({4, 2, 28}) == 0);
  CHECK(differences<lowp::mxfp4>({2, 1, 6}) == 0);
  CHECK(differences<lowp::mxint8>({0, 6, 127.0f / 64}) == 0);
}

TEST_CASE("rceil leaves nothing to saturate, floor saturates less than a factor of two", "[quantize]") {
  const auto w = normal_numbers(1 << 16, 42);
  const auto view = view_of(w, 64, 1024);
  const auto up = lowp::quantize<lowp::mxfp4>(view, lowp::recipe{lowp::absmax{}, lowp::nearest_even{}, lowp::mx_rceil{}});
  const auto down = lowp::quantize<lowp::mxfp4>(view);
  int saturated = 0;
  int beyond = 0;
  for (std::size_t r = 0; r < 64; ++r) {
    for (std::size_t c = 0; c < 1024; ++c) {
      const float x = lowp::magnitude(view(r, c));
      saturated += x > 6 * up.group_of(r, c).scale;
      beyond += x >= 8 * down.group_of(r, c).scale;
    }
  }
  CHECK(saturated == 0);
  CHECK(beyond == 0);
}

TEST_CASE("NVFP4's scales are those of its definition", "[quantize]") {
  const auto w = normal_numbers(16 * 256, 43, 0.03);
  const auto q = lowp::quantize<lowp::nvfp4>(view_of(w, 16, 256));
  float amax = 0;
  for (const float x : w) amax = lowp::magnitude(x) > amax ? lowp::magnitude(x) : amax;
  const float tensor = amax / 2688.0f;
  CHECK(q.scales().scales().value(0, 0) == tensor);
  for (std::size_t r = 0; r < 16; ++r) {
    for (std::size_t g = 0; g < 16; ++g) {
      float block = 0;
      for (std::size_t c = 0; c < 16; ++c)
        block = lowp::magnitude(w[r * 256 + g * 16 + c]) > block ? lowp::magnitude(w[r * 256 + g * 16 + c]) : block;
      CHECK(q.scales().codes()(r, g) == lowp::encode<lowp::e4m3>(block / 6.0f / tensor));
    }
  }
}
