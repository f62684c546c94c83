// Formats as kernels that multiply in bf16 see them: which of them decode to pairs, and their tables.
#pragma once

#include <lowp/core/aligned.hpp>
#include <lowp/kernel/cpu/decoding.hpp>

#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI::detail {

// Formats of up to 5 bits are looked up among 32 words.
constexpr bool pair_table_kind(const code_kind& kind) noexcept { return kind.how == decoding::table && kind.bits <= 5; }

// Formats of codes that lie in bytes. Wider ones are decoded to f32, and multiplied so.
template <number_format F>
constexpr bool decodes_to_pairs() noexcept {
  return table_format<F> && F::bits >= 1 && code_rule_of<F>.kind.how != decoding::scalar;
}

// Values rounded to bf16, repeated to fill a cache line.
struct alignas(cache_line) pair_table {
  std::uint16_t value[32] = {};
};

template <table_format F, bool Centred>
constexpr pair_table make_pair_table() {
  pair_table table;
  for (std::size_t i = 0; i < 32; ++i) {
    float value = decode<F>(static_cast<std::uint32_t>(i) & low_mask(F::bits));
    if (Centred && code_centre<F>() != 0.0f) value -= code_centre<F>();
    table.value[i] = bf16(value).code;
  }
  return table;
}

template <table_format F, bool Centred = false>
inline constexpr pair_table pair_table_of = make_pair_table<F, Centred>();

}  // namespace lowp::inline LOWP_ABI::detail
