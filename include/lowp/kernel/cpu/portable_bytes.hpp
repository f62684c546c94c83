// 8-bit dot products in plain C++: what every other version must equal bit for bit.
#pragma once

#include <lowp/kernel/cpu/byte_codes.hpp>
#include <lowp/kernel/cpu/narrow_product.hpp>
#include <lowp/kernel/cpu/portable.hpp>

#include <cmath>

LOWP_LOOPS_BEGIN
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::portable {

inline constexpr int narrow_panels = 1;
inline constexpr int narrow_dot_panels = 1;
inline constexpr int narrow_tile_rows = 2;
inline constexpr std::size_t narrow_tokens = 128;  // that share decoded weights
inline constexpr std::size_t narrow_dot_tokens = 0;  // codes are always decoded into a block
inline constexpr bool dots_unsigned_bytes = true;

// Sixteen words; or, as bytes, the four columns of each row from the lowest on.
struct bits {
  std::uint32_t row[16];
};
LOWP_ALWAYS_INLINE bits load_bits(const std::uint8_t* p) {
  bits b;
  for (int n = 0; n < 16; ++n) {
    b.row[n] = p[4 * n] | std::uint32_t{p[4 * n + 1]} << 8 | std::uint32_t{p[4 * n + 2]} << 16 | std::uint32_t{p[4 * n + 3]} << 24;
  }
  return b;
}
LOWP_ALWAYS_INLINE void store_bits(std::uint8_t* p, const bits& b) {
  for (int i = 0; i < 64; ++i) p[i] = static_cast<std::uint8_t>(b.row[i / 4] >> (i % 4 * 8));
}
LOWP_ALWAYS_INLINE bits every(std::uint32_t x) {
  bits b;
  for (std::uint32_t& row : b.row) row = x;
  return b;
}
LOWP_ALWAYS_INLINE vec to_floats(const bits& b) {
  alignas(cache_line) float values[16];
  for (int n = 0; n < 16; ++n) values[n] = static_cast<float>(static_cast<std::int32_t>(b.row[n]));
  return load(values);
}
// a * b + c, rounded once.
LOWP_ALWAYS_INLINE vec fused_add(vec a, vec b, vec c) {
  alignas(cache_line) float values[3][16];
  store(values[0], a);
  store(values[1], b);
  store(values[2], c);
  for (int n = 0; n < 16; ++n) values[0][n] = std::fma(values[0][n], values[1][n], values[2][n]);
  return load(values[0]);
}
LOWP_ALWAYS_INLINE vec fused_subtract(vec a, vec b, vec c) { return fused_add(multiply(splat(-1.0f), a), b, c); }

inline std::int32_t sum_of_bytes(const std::int8_t* x, std::size_t count) {
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += x[i];
  return sum;
}

// Four signed bytes, as products of sixteen rows' unsigned bytes want them. Such a product is at most 255 * 128, for which 16 bits do.
#if defined(__GNUC__)
typedef std::int16_t halves __attribute__((vector_size(16)));
typedef std::int32_t words __attribute__((vector_size(16)));
typedef std::uint32_t unsigned_words __attribute__((vector_size(16)));
struct four_bytes {
  halves even;  // the first and the third, again and again
  halves odd;
};
LOWP_ALWAYS_INLINE halves pairs(std::uint8_t low, std::uint8_t high) {
  const auto pair = static_cast<std::int32_t>((static_cast<std::uint32_t>(static_cast<std::int8_t>(low)) & 0xffffu) |
                                              static_cast<std::uint32_t>(static_cast<std::int8_t>(high)) << 16);
  return reinterpret_cast<halves>(words{} + pair);
}
LOWP_ALWAYS_INLINE four_bytes read_four(const std::uint8_t* x) { return {pairs(x[0], x[2]), pairs(x[1], x[3])}; }
LOWP_ALWAYS_INLINE void add_products(std::uint32_t (&sum)[16], const std::uint32_t (&w)[16], const four_bytes& four) {
  const auto both_halves = [](halves products) LOWP_INLINE_LAMBDA {
    const auto p = reinterpret_cast<words>(products);
    return reinterpret_cast<unsigned_words>(((p << 16) >> 16) + (p >> 16));
  };
  LOWP_UNROLL
  for (int n = 0; n < 16; n += 4) {
    words bytes;
    unsigned_words total;
    __builtin_memcpy(&bytes, w + n, sizeof(bytes));
    __builtin_memcpy(&total, sum + n, sizeof(total));
    total += both_halves(reinterpret_cast<halves>(bytes & 0x00ff00ff) * four.even) +
             both_halves(reinterpret_cast<halves>((bytes >> 8) & 0x00ff00ff) * four.odd);
    __builtin_memcpy(sum + n, &total, sizeof(total));
  }
}
#else
struct four_bytes {
  std::int32_t x[4];
};
LOWP_ALWAYS_INLINE four_bytes read_four(const std::uint8_t* x) {
  four_bytes four;
  for (int i = 0; i < 4; ++i) four.x[i] = static_cast<std::int8_t>(x[i]);
  return four;
}
LOWP_ALWAYS_INLINE void add_products(std::uint32_t (&sum)[16], const std::uint32_t (&w)[16], const four_bytes& four) {
  for (int n = 0; n < 16; ++n) {
    std::int32_t products = 0;
    for (int i = 0; i < 4; ++i) products += static_cast<std::int32_t>(w[n] >> (8 * i) & 0xff) * four.x[i];
    sum[n] += static_cast<std::uint32_t>(products);
  }
}
#endif

template <bool>
struct byte_dot {
  using sum_type = bits;
  static constexpr int parts = 1;
  static constexpr std::size_t column_bytes = 1;
  static constexpr std::size_t stretch = 512;

  LOWP_ALWAYS_INLINE static bits begin(const std::int32_t* start) { return every(static_cast<std::uint32_t>(*start)); }
  LOWP_ALWAYS_INLINE static four_bytes operand(const std::uint8_t* x) { return read_four(x); }
  LOWP_ALWAYS_INLINE static bits add(bits sum, const bits& w, const four_bytes& four) {
    add_products(sum.row, w.row, four);
    return sum;
  }
  LOWP_ALWAYS_INLINE static void settle(const bits&) {}
  LOWP_ALWAYS_INLINE static vec value(const bits& sum) { return to_floats(sum); }
};

template <byte_kind Kind>
class byte_columns {
 public:
  static constexpr int code_bits = Kind.bits;

  explicit byte_columns(const void* table) : bytes_(static_cast<const std::uint8_t*>(table)) {}

  // Step c of a unit: the bytes of four columns for each row.
  template <class Index>
  LOWP_ALWAYS_INLINE bits get(const std::uint8_t* unit, Index c, int) const {
    return step(unit, static_cast<unsigned>(c));
  }

 private:
  LOWP_NOINLINE bits step(const std::uint8_t* unit, unsigned step) const {
    constexpr auto planes = layout::tile16::planes<Kind.bits>();
    bits codes = every(0);
    each_of(
        [&](auto plane) LOWP_INLINE_LAMBDA {
          constexpr step_place at = step_place_of<Kind.bits>(plane);
          const bits line = load_bits(unit + at.offset + step / at.steps * layout::tile16::line_bytes);
          const unsigned shift = step % at.steps * at.width;
          constexpr std::uint32_t mask = low_mask(static_cast<int>(at.width)) * 0x01010101u;
          for (int n = 0; n < 16; ++n) codes.row[n] |= (line.row[n] >> shift & mask) << at.first;
        },
        std::make_integer_sequence<int, static_cast<int>(planes.size())>{});
    for (std::uint32_t& row : codes.row) {
      if constexpr (Kind.table) {
        row = bytes_[row & 0xff] | std::uint32_t{bytes_[row >> 8 & 0xff]} << 8 | std::uint32_t{bytes_[row >> 16 & 0xff]} << 16 |
              std::uint32_t{bytes_[row >> 24]} << 24;
      } else {
        row ^= static_cast<std::uint32_t>(Kind.flip) * 0x01010101u;
      }
    }
    return codes;
  }

  const std::uint8_t* bytes_;
};

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::portable

#define LOWP_TARGET portable
#include <lowp/kernel/cpu/loops/steps.hpp>
#include <lowp/kernel/cpu/loops/multiply_steps.hpp>
#include <lowp/kernel/cpu/loops/byte_kernels.hpp>
#undef LOWP_TARGET
LOWP_LOOPS_END
