// What the products do with a result last: any callable object of the device.
//
//   lowp::gemm(stream, w, x, y, workspace, lowp::bias_epilogue{bias});
#pragma once

#include <lowp/core/config.hpp>

#include <concepts>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

// What becomes of a result in f32 before it is rounded to the type of the output: epilogue(value, row, token). The row is one of
// the weights, so the output's column. Callable on the device.
template <class E>
concept device_epilogue = requires(const E& e, float value, std::uint32_t row, std::uint32_t token) {
  { e(value, row, token) } -> std::convertible_to<float>;
};

struct identity_epilogue {
  LOWP_HD constexpr float operator()(float value, std::uint32_t, std::uint32_t) const noexcept { return value; }
};

// Adds bias[row]; device memory.
struct bias_epilogue {
  const float* bias;
  LOWP_HD float operator()(float value, std::uint32_t row, std::uint32_t) const noexcept { return value + bias[row]; }
};

}  // namespace lowp::inline LOWP_ABI
