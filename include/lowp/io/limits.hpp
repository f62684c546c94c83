// How much memory the header of a file may take: whatever it says, at most twice the file and 1 MiB.
//
//   lowp::detail::header_memory_limit(1000) == 2000 + 1048576
#pragma once

#include <lowp/io/checked.hpp>

#include <cstdint>
#include <limits>

namespace lowp::inline LOWP_ABI::detail {

constexpr std::uint64_t header_memory_limit(std::uint64_t file_bytes) noexcept {
  constexpr std::uint64_t most = (std::numeric_limits<std::uint64_t>::max)();
  const auto sum = checked_add(file_bytes, file_bytes);
  return checked_add(sum.value_or(most), 0x100000).value_or(most);
}

}  // namespace lowp::inline LOWP_ABI::detail
