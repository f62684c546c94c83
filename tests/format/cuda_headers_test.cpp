// The conversions of NVIDIA's own headers, which run on the host, against ours: every bf16 and f16 value, their neighbours,
// and four million other floats. They agree but for what docs/special_values.md lists.
#if __has_include(<cuda_fp8.h>) && __has_include(<cuda_fp6.h>) && __has_include(<cuda_fp4.h>)

#include "reference.hpp"

#include <lowp/format/formats.hpp>

#include <lowp_test.hpp>

#include <cuda_fp4.h>
#include <cuda_fp6.h>
#include <cuda_fp8.h>

#include <cmath>
#include <cstdint>

namespace {

using namespace lowp;

template <class F>
void for_each_float(F f) {
  reference::for_each_input(f);
  for (std::uint64_t u = 0; u < 0x100000000u; u += 1021) f(bit_cast<float>(static_cast<std::uint32_t>(u)));
}

template <class Mine, class Theirs>
int count_different(Mine mine, Theirs theirs) {
  int different = 0;
  for_each_float([&](const float& x) { different += static_cast<std::uint32_t>(mine(x)) != static_cast<std::uint32_t>(theirs(x)); });
  return different;
}

}  // namespace

TEST_CASE("8-bit floats equal NVIDIA's but for the codes of NaN", "[format][cuda_headers]") {
  CHECK(count_different([](const float& x) { return is_nan(x) ? 0x7f : encode<e4m3>(x); },
                        [](float x) { return __nv_cvt_float_to_fp8(x, __NV_SATFINITE, __NV_E4M3); }) == 0);
  CHECK(count_different([](const float& x) { return is_nan(x) ? 0x7f : encode<e4m3>(x, nearest_even{}, overflow::propagate); },
                        [](float x) { return __nv_cvt_float_to_fp8(x, __NV_NOSAT, __NV_E4M3); }) == 0);
  CHECK(count_different([](const float& x) { return is_nan(x) ? 0x7f : encode<e5m2>(x); },
                        [](float x) { return __nv_cvt_float_to_fp8(x, __NV_SATFINITE, __NV_E5M2); }) == 0);
  CHECK(count_different([](const float& x) { return is_nan(x) ? 0x7f : encode<e5m2>(x, nearest_even{}, overflow::propagate); },
                        [](float x) { return __nv_cvt_float_to_fp8(x, __NV_NOSAT, __NV_E5M2); }) == 0);
}

TEST_CASE("6-bit and 4-bit floats equal NVIDIA's, NaN too", "[format][cuda_headers]") {
  CHECK(count_different([](const float& x) { return encode<e3m2>(x); },
                        [](float x) { return __nv_cvt_float_to_fp6(x, __NV_E3M2, cudaRoundNearest); }) == 0);
  CHECK(count_different([](const float& x) { return encode<e2m3>(x); },
                        [](float x) { return __nv_cvt_float_to_fp6(x, __NV_E2M3, cudaRoundNearest); }) == 0);
  CHECK(count_different([](const float& x) { return encode<e2m1>(x); },
                        [](float x) { return __nv_cvt_float_to_fp4(x, __NV_E2M1, cudaRoundNearest); }) == 0);
}

// NVIDIA's take the magnitude of a negative number.
TEST_CASE("Floor and ceiling of e8m0 equal NVIDIA's for what has no sign", "[format][cuda_headers]") {
  const auto mine = [](const float& x, auto rounding) { return is_nan(x) ? 0xffu : encode<e8m0>(magnitude(x), rounding); };
  CHECK(count_different([&](const float& x) { return mine(x, e8m0::floor{}); },
                        [](float x) { return __nv_cvt_float_to_e8m0(x, __NV_SATFINITE, cudaRoundZero); }) == 0);
  CHECK(count_different([&](const float& x) { return mine(x, e8m0::ceiling{}); },
                        [](float x) { return __nv_cvt_float_to_e8m0(x, __NV_SATFINITE, cudaRoundPosInf); }) == 0);
}

#endif
