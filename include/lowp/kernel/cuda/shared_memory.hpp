// How much shared memory there is, for plans that are made before a device is asked.
//
//   static_assert(lowp::shared_memory_of(90) == 224 * 1024);
#pragma once

#include <lowp/core/config.hpp>

namespace lowp::inline LOWP_ABI {

// Shared memory that a processor of an architecture (10 * major + minor) gives its blocks, less what they need beside their own.
constexpr int shared_memory_of(int compute_capability) noexcept {
  if (compute_capability < 80) return 64 * 1024;
  if (compute_capability == 80 || compute_capability == 87) return 160 * 1024;
  return compute_capability >= 90 && compute_capability < 120 ? 224 * 1024 : 98 * 1024;
}

}  // namespace lowp::inline LOWP_ABI
