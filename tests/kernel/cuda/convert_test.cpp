// Widening and narrowing: the shortest instructions give what decode and encode give, for every code.
#include <lowp_test.hpp>

#include <lowp/format/formats.hpp>
#include <lowp/kernel/cuda/convert.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace {

namespace ptx = lowp::ptx;

template <class F>
int differences() {
  int n = 0;
  for (std::uint32_t c = 0; c < 1u << F::bits; ++c) {
    const float expected = lowp::decode<F>(c);
    const float found = ptx::widen<F>(c);
    n += lowp::is_nan(expected) ? !lowp::is_nan(found) : lowp::bit_cast<std::uint32_t>(expected) != lowp::bit_cast<std::uint32_t>(found);
  }
  return n;
}

}  // namespace

TEST_CASE("widen is decode for every code of every format", "[cuda]") {
  lowp::for_each_format([]<class F>(std::string_view name) {
    INFO(std::string(name));
    CHECK(differences<F>() == 0);
  });
  CHECK(differences<lowp::f16>() == 0);
  CHECK(differences<lowp::bf16>() == 0);
  CHECK(ptx::widen<lowp::f32>(0x40490fdbu) == 3.14159274f);
}

TEST_CASE("narrow undoes widen for every f16 and bf16", "[cuda]") {
  int wrong = 0;
  for (std::uint32_t c = 0; c < 0x10000; ++c) {
    const float h = ptx::widen<lowp::f16>(c);
    const float b = ptx::widen<lowp::bf16>(c);
    wrong += lowp::is_nan(h) ? ptx::narrow<lowp::f16>(h) != ((c & 0x8000u) | 0x7e00u) : ptx::narrow<lowp::f16>(h) != c;
    wrong += !lowp::is_nan(b) && ptx::narrow<lowp::bf16>(b) != c;
    const ptx::two_floats two = ptx::widen2<lowp::f16>(c << 16 | 0x3c00u);
    wrong += two.low != 1.0f || lowp::bit_cast<std::uint32_t>(two.high) != lowp::bit_cast<std::uint32_t>(h);
  }
  CHECK(wrong == 0);
}

namespace {

// Codes whose pair is not narrow(widen(code)) twice.
template <class F, class Out, bool Positive = false>
int wrong_pairs() {
  int wrong = 0;
  for (std::uint32_t c = 0; c < (F::bits == 8 ? (Positive ? 128u : 256u) : 65536u); ++c) {
    const std::uint32_t pair = ptx::scale_pair<F, Out, Positive>(c);
    const float x = lowp::decode<F>(c);
    wrong += pair >> 16 != (pair & 0xffffu);
    wrong += lowp::is_nan(x) ? !lowp::is_nan(Out::decode(pair & 0xffffu)) : (pair & 0xffffu) != Out(x).code;
  }
  return wrong;
}

}  // namespace

TEST_CASE("a scale becomes a pair of itself", "[cuda]") {
  CHECK(wrong_pairs<lowp::e8m0, lowp::bf16>() == 0);
  CHECK(wrong_pairs<lowp::e8m0, lowp::f16>() == 0);
  CHECK(wrong_pairs<lowp::e4m3, lowp::f16>() == 0);
  CHECK(wrong_pairs<lowp::e4m3, lowp::bf16>() == 0);
  CHECK(wrong_pairs<lowp::e4m3, lowp::f16, true>() == 0);
  CHECK(wrong_pairs<lowp::e4m3, lowp::bf16, true>() == 0);
  CHECK(wrong_pairs<lowp::e5m2, lowp::f16>() == 0);
  CHECK(wrong_pairs<lowp::f16, lowp::f16>() == 0);
  CHECK(wrong_pairs<lowp::f16, lowp::bf16>() == 0);
  CHECK(wrong_pairs<lowp::bf16, lowp::f16>() == 0);
  CHECK(ptx::scale_pair<lowp::f32, lowp::f16>(0x3f800000u) == 0x3c003c00u);
}
