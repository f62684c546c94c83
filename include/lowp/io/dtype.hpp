// The element types that a safetensors file can name, with the bits of one element.
//
// Source: the safetensors format, https://github.com/huggingface/safetensors, version 0.6 and later.
//
//   lowp::dtype_bits(lowp::dtype::f6_e3m2) == 6
//   lowp::find_dtype("BF16") == lowp::dtype::bf16
#pragma once

#include <lowp/core/config.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace lowp::inline LOWP_ABI {

// g++ takes a scoped enumerator for a shadow of the format of the same name.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif

enum class dtype : std::uint8_t {
  boolean,
  f4,
  f6_e2m3,
  f6_e3m2,
  u8,
  i8,
  f8_e5m2,
  f8_e4m3,
  f8_e8m0,
  f8_e4m3fnuz,
  f8_e5m2fnuz,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  c64,
  f64,
  i64,
  u64,
};

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

struct dtype_entry {
  dtype type;
  std::string_view name;  // as the file spells it
  std::uint32_t bits;     // of one element; elements below 8 bits lie packed
};

inline constexpr dtype_entry dtype_table[] = {
    {dtype::boolean, "BOOL", 8},
    {dtype::f4, "F4", 4},
    {dtype::f6_e2m3, "F6_E2M3", 6},
    {dtype::f6_e3m2, "F6_E3M2", 6},
    {dtype::u8, "U8", 8},
    {dtype::i8, "I8", 8},
    {dtype::f8_e5m2, "F8_E5M2", 8},
    {dtype::f8_e4m3, "F8_E4M3", 8},
    {dtype::f8_e8m0, "F8_E8M0", 8},
    {dtype::f8_e4m3fnuz, "F8_E4M3FNUZ", 8},
    {dtype::f8_e5m2fnuz, "F8_E5M2FNUZ", 8},
    {dtype::i16, "I16", 16},
    {dtype::u16, "U16", 16},
    {dtype::f16, "F16", 16},
    {dtype::bf16, "BF16", 16},
    {dtype::i32, "I32", 32},
    {dtype::u32, "U32", 32},
    {dtype::f32, "F32", 32},
    {dtype::c64, "C64", 64},
    {dtype::f64, "F64", 64},
    {dtype::i64, "I64", 64},
    {dtype::u64, "U64", 64},
};

// Searched, not indexed: a value that is no enumerator gives "?" and 0 bits.
constexpr std::string_view dtype_name(dtype type) noexcept {
  for (const dtype_entry& entry : dtype_table) {
    if (entry.type == type) return entry.name;
  }
  return "?";
}

constexpr std::uint32_t dtype_bits(dtype type) noexcept {
  for (const dtype_entry& entry : dtype_table) {
    if (entry.type == type) return entry.bits;
  }
  return 0;
}

constexpr std::optional<dtype> find_dtype(std::string_view name) noexcept {
  for (const dtype_entry& entry : dtype_table) {
    if (entry.name == name) return entry.type;
  }
  return std::nullopt;
}

}  // namespace lowp::inline LOWP_ABI
