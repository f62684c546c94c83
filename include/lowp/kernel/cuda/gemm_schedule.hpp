// Who does what in a product that is spread over a fixed number of blocks: the work in equal shares, whole or not, and who adds
// up the parts. Constant expressions, so that a test can hold them for any shape and number of processors.
//
//   panels of rows, each cut into steps along the columns      0 0 0 0 0 0 | 1 1 1 1 1 1 | 2 2 2 2 2 2
//   four blocks                                                a a a a b b   b b b c c c   c c d d d d
//
// A block that has all steps of a panel writes its results. Others leave their sums in memory, and the last of them to come adds
// all of them up in the order of the blocks, so that the result does not depend on which one that was.
#pragma once

#include <lowp/core/bits.hpp>

#include <cstdint>

namespace lowp::inline LOWP_ABI {

struct gemm_schedule {
  std::uint32_t panels;
  std::uint32_t steps;  // of a panel
  std::uint32_t blocks;

  // A part of a panel: steps first .. last - 1.
  struct part {
    std::uint32_t panel;
    std::uint32_t first;
    std::uint32_t last;
  };

  // At most `blocks` blocks, and none without work.
  LOWP_HD static constexpr gemm_schedule make(std::uint32_t panels, std::uint32_t steps, std::uint32_t blocks) noexcept {
    const std::uint64_t work = std::uint64_t{panels} * steps;
    return {panels, steps, work < blocks ? static_cast<std::uint32_t>(work) : blocks};
  }

  LOWP_HD constexpr std::uint64_t work() const noexcept { return std::uint64_t{panels} * steps; }

  // The work of a block: begin(block) .. begin(block + 1) - 1, counted along the panels. (work() * blocks is below 2^64.)
  LOWP_HD constexpr std::uint64_t begin(std::uint32_t block) const noexcept { return work() * block / blocks; }
  LOWP_HD constexpr std::uint32_t block_of(std::uint64_t at) const noexcept {
    return static_cast<std::uint32_t>(((at + 1) * blocks - 1) / work());
  }

  // The part that begins at `at`, of the block whose work ends at `end`.
  LOWP_HD constexpr part part_at(std::uint64_t at, std::uint64_t end) const noexcept {
    const auto panel = static_cast<std::uint32_t>(at / steps);
    const auto first = static_cast<std::uint32_t>(at % steps);
    const std::uint64_t left = end - at;
    return {panel, first, left < steps - first ? first + static_cast<std::uint32_t>(left) : steps};
  }
  LOWP_HD constexpr bool whole(part p) const noexcept { return p.first == 0 && p.last == steps; }

  // The blocks that have a part of the panel: first_block .. last_block, each one part.
  LOWP_HD constexpr std::uint32_t first_block(std::uint32_t panel) const noexcept { return block_of(std::uint64_t{panel} * steps); }
  LOWP_HD constexpr std::uint32_t last_block(std::uint32_t panel) const noexcept {
    return block_of((std::uint64_t{panel} + 1) * steps - 1);
  }

  // A block leaves sums of at most two panels, the first and the last that it works on. Where, in a list of slots().
  LOWP_HD constexpr std::uint32_t slot(std::uint32_t block, std::uint32_t panel) const noexcept {
    return block * 2 + (begin(block) / steps == panel ? 0u : 1u);
  }
  // The same of all blocks that have a part of a panel, without a division for each: those after the first begin in it.
  struct panel_slots {
    std::uint32_t first_block;
    std::uint32_t first_slot;
    LOWP_HD constexpr std::uint32_t of(std::uint32_t block) const noexcept { return block == first_block ? first_slot : block * 2; }
  };
  LOWP_HD constexpr panel_slots slots_of(std::uint32_t panel) const noexcept {
    const std::uint32_t first = first_block(panel);
    return {first, slot(first, panel)};
  }
  LOWP_HD constexpr std::uint32_t slots() const noexcept { return blocks * 2; }
};

}  // namespace lowp::inline LOWP_ABI
