// The element types that a GGUF file can name: how many elements a block has and how many bytes it takes. That is enough
// to open a file and to copy its tensors, also those of types whose values nothing here decodes.
//
// Source: ggml.h and ggml-common.h of ggml. Ids that ggml has given up are known by name, so that the error can say so.
//
//   lowp::find_ggml_type(2)->name == "Q4_0"
//   lowp::ggml_bytes(lowp::ggml_type::q4_0, 4096) == 2304
#pragma once

#include <lowp/io/checked.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace lowp::inline LOWP_ABI {

// g++ takes a scoped enumerator for a shadow of the format of the same name.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif

enum class ggml_type : std::uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q8_1 = 9,
  q2_k = 10,
  q3_k = 11,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  q8_k = 15,
  iq2_xxs = 16,
  iq2_xs = 17,
  iq3_xxs = 18,
  iq1_s = 19,
  iq4_nl = 20,
  iq3_s = 21,
  iq2_s = 22,
  iq4_xs = 23,
  i8 = 24,
  i16 = 25,
  i32 = 26,
  i64 = 27,
  f64 = 28,
  iq1_m = 29,
  bf16 = 30,
  tq1_0 = 34,
  tq2_0 = 35,
  mxfp4 = 39,
  nvfp4 = 40,
  q1_0 = 41,
  q2_0 = 42,
};

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

struct ggml_type_entry {
  ggml_type type;
  std::string_view name;
  std::uint32_t block_elements;  // along the contiguous dimension, which a block never leaves
  std::uint32_t block_bytes;
};

inline constexpr ggml_type_entry ggml_type_table[] = {
    {ggml_type::f32, "F32", 1, 4},
    {ggml_type::f16, "F16", 1, 2},
    {ggml_type::q4_0, "Q4_0", 32, 18},
    {ggml_type::q4_1, "Q4_1", 32, 20},
    {ggml_type::q5_0, "Q5_0", 32, 22},
    {ggml_type::q5_1, "Q5_1", 32, 24},
    {ggml_type::q8_0, "Q8_0", 32, 34},
    {ggml_type::q8_1, "Q8_1", 32, 36},
    {ggml_type::q2_k, "Q2_K", 256, 84},
    {ggml_type::q3_k, "Q3_K", 256, 110},
    {ggml_type::q4_k, "Q4_K", 256, 144},
    {ggml_type::q5_k, "Q5_K", 256, 176},
    {ggml_type::q6_k, "Q6_K", 256, 210},
    {ggml_type::q8_k, "Q8_K", 256, 292},
    {ggml_type::iq2_xxs, "IQ2_XXS", 256, 66},
    {ggml_type::iq2_xs, "IQ2_XS", 256, 74},
    {ggml_type::iq3_xxs, "IQ3_XXS", 256, 98},
    {ggml_type::iq1_s, "IQ1_S", 256, 50},
    {ggml_type::iq4_nl, "IQ4_NL", 32, 18},
    {ggml_type::iq3_s, "IQ3_S", 256, 110},
    {ggml_type::iq2_s, "IQ2_S", 256, 82},
    {ggml_type::iq4_xs, "IQ4_XS", 256, 136},
    {ggml_type::i8, "I8", 1, 1},
    {ggml_type::i16, "I16", 1, 2},
    {ggml_type::i32, "I32", 1, 4},
    {ggml_type::i64, "I64", 1, 8},
    {ggml_type::f64, "F64", 1, 8},
    {ggml_type::iq1_m, "IQ1_M", 256, 56},
    {ggml_type::bf16, "BF16", 1, 2},
    {ggml_type::tq1_0, "TQ1_0", 256, 54},
    {ggml_type::tq2_0, "TQ2_0", 256, 66},
    {ggml_type::mxfp4, "MXFP4", 32, 17},
    {ggml_type::nvfp4, "NVFP4", 64, 36},
    {ggml_type::q1_0, "Q1_0", 128, 18},
    {ggml_type::q2_0, "Q2_0", 64, 18},
};

// The entry of an id, or null. Searched, not indexed: ids come from files.
constexpr const ggml_type_entry* find_ggml_type(std::uint32_t id) noexcept {
  for (const ggml_type_entry& entry : ggml_type_table) {
    if (static_cast<std::uint32_t>(entry.type) == id) return &entry;
  }
  return nullptr;
}

// "?" for a value that is no enumerator.
constexpr std::string_view ggml_type_name(ggml_type type) noexcept {
  const ggml_type_entry* entry = find_ggml_type(static_cast<std::uint32_t>(type));
  return entry != nullptr ? entry->name : std::string_view("?");
}

// The name of an id that ggml once used and has given up; empty for others.
constexpr std::string_view removed_ggml_type(std::uint32_t id) noexcept {
  switch (id) {
    case 4:
      return "Q4_2";
    case 5:
      return "Q4_3";
    case 31:
      return "Q4_0_4_4";
    case 32:
      return "Q4_0_4_8";
    case 33:
      return "Q4_0_8_8";
    case 36:
      return "IQ4_NL_4_4";
    case 37:
      return "IQ4_NL_4_8";
    case 38:
      return "IQ4_NL_8_8";
    default:
      return {};
  }
}

// The bytes of so many elements; nothing if they are no whole number of blocks, do not fit, or are of no known type.
constexpr std::optional<std::uint64_t> ggml_bytes(ggml_type type, std::uint64_t elements) noexcept {
  const ggml_type_entry* entry = find_ggml_type(static_cast<std::uint32_t>(type));
  if (entry == nullptr || elements % entry->block_elements != 0) return std::nullopt;
  return checked_mul(elements / entry->block_elements, entry->block_bytes);
}

}  // namespace lowp::inline LOWP_ABI
