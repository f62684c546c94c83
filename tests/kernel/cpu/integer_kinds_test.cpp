// One scheme for each way in which codes become bytes, quick to compile for other machines: integer_gemm_test.cpp has the others.
#include "gemm_reference.hpp"

#include <lowp/format/formats.hpp>
#include <lowp/kernel/cpu/gemm.hpp>
#include <lowp/scheme/ggml_schemes.hpp>
#include <lowp/scheme/presets.hpp>

#include <string_view>
#include <vector>

namespace {

// The integers of so many bits in another order.
template <int Bits>
struct shuffled {
  static constexpr int bits = Bits;
  static constexpr float decode(std::uint32_t code) noexcept {
    return static_cast<float>(code * 7 % (1u << Bits)) - static_cast<float>(1u << (Bits - 1));
  }
};

template <lowp::scheme_type S>
void check_bits(std::string_view name) {
  using activations = lowp::scheme<lowp::i8, lowp::per_token, lowp::symmetric, lowp::f32>;
  auto q = reference::random_weights<S>(37, 200, 1);
  // The extremes of bytes, whose products in pairs are the first to overflow.
  for (std::size_t k = 0; k < 200; ++k) {
    q.codes()(0, k) = 0;
    q.codes()(1, k) = std::uint8_t{1} << (S::format::bits - 1);
    q.codes()(2, k) = static_cast<std::uint8_t>(lowp::low_mask(S::format::bits));
  }
  const auto w = lowp::pack<lowp::layout::tile16>(q);
  for (const std::size_t tokens : {1u, 4u, 9u}) {
    auto x = reference::random_weights<activations>(tokens, 200, 2);
    for (std::size_t k = 0; k < 200; ++k) x.codes()(0, k) = 0x80;
    std::vector<float> expected;
    lowp::for_each_isa([&](lowp::isa version) {
      INFO(name << ", " << tokens << " tokens on " << lowp::name(version));
      std::vector<float> y(tokens * 37);
      lowp::gemm(x.view(), w, lowp::matrix_view<float>(y.data(), tokens, 37), {.limit = version});
      if (version == lowp::isa::portable) expected = y;
      CHECK(y == expected);
    });
  }
}

}  // namespace

TEST_CASE("bytes of every kind give the same bits on every instruction set", "[kernel][integer]") {
  using namespace lowp;
  check_bits<mxfp4>("looked up among 16");
  check_bits<mxfp6_e2m3>("looked up among 64");
  check_bits<scheme<shuffled<5>, per_group<40>, symmetric, f32>>("looked up among 32");
  check_bits<scheme<shuffled<7>, per_channel, symmetric, f32>>("looked up among 128");
  check_bits<scheme<shuffled<8>, per_group<20>, symmetric, f32>>("looked up among 256");
  check_bits<ggml::q4_k>("with minima");
  check_bits<scheme<u8, per_group<32>, with_bias<f32>, f16>>("codes up to 255 with biases");
  check_bits<mxint8>("signed codes");
  check_bits<scheme<u8, per_channel, symmetric, f32>>("codes up to 255");
}
