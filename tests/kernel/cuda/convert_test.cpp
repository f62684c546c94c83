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
