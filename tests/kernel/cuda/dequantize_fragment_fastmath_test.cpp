// The host versions of the device's arithmetic hold under -ffast-math, since they are made of integers.
#include <lowp_test.hpp>

#include <lowp/format/formats.hpp>
#include <lowp/kernel/cuda/dequantize_fragment.hpp>
#include <lowp/kernel/cuda/encode_fragment.hpp>

#include <cstdint>
#include <string>
#include <string_view>

TEST_CASE("dequantizers hold under -ffast-math", "[fastmath]") {
  lowp::for_each_format([]<class F>(std::string_view name) {
    INFO(std::string(name));
    int wrong = 0;
    for (std::uint32_t code = 0; code < 1u << F::bits; ++code) {
      lowp::packed_run<F> run = 0;
      for (int p = 0; p < 8; ++p) run |= static_cast<lowp::packed_run<F>>(code) << (F::bits * p);
      const auto f = lowp::dequantize_fragment<F, lowp::f16>(run);
      const auto b = lowp::dequantize_fragment<F, lowp::bf16, lowp::interleaved_order>(run);
      const auto x = lowp::dequantize_fragment<F, lowp::f32>(run);
      const float value = F::decode(code);
      for (int e = 0; e < 8; ++e) {
        wrong += lowp::is_nan(value) ? !lowp::is_nan(f[e]) : f.code(e) != lowp::f16(value).code;
        wrong += lowp::is_nan(value) ? !lowp::is_nan(b[e]) : b.code(e) != lowp::bf16(value).code;
        wrong += lowp::is_nan(value) ? !lowp::is_nan(x[e]) : x.code(e) != lowp::bit_cast<std::uint32_t>(value);
      }
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE("encoders hold under -ffast-math", "[fastmath]") {
  lowp::for_each_format([]<class F>(std::string_view name) {
    INFO(std::string(name));
    int wrong = 0;
    for (std::uint32_t u = 0; u < 0x7f800000u; u += 100003) {
      lowp::fragment<lowp::f32> x{};
      for (std::uint32_t e = 0; e < 8; ++e) x.reg[e] = (u + e) | (e & 1u) << 31;
      const auto run = lowp::encode_fragment<F>(x);
      for (int e = 0; e < 8; ++e) {
        wrong += (static_cast<std::uint32_t>(run >> (F::bits * e)) & lowp::low_mask(F::bits)) !=
                 lowp::encode<F>(lowp::bit_cast<float>(x.reg[e]));
      }
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE("packed arithmetic keeps subnormals, signs of zero and infinities under -ffast-math", "[fastmath]") {
  namespace ptx = lowp::ptx;
  CHECK(ptx::fma2<lowp::f16>(0x00010001u, 0x3c003800u, 0x80008001u) == 0x00018000u);
  CHECK(ptx::mul2<lowp::f16>(0x8000fc00u, 0x3c003c00u) == 0x8000fc00u);
  CHECK(ptx::add2<lowp::bf16>(0x7f800001u, 0x3f800001u) == 0x7f800002u);
}
