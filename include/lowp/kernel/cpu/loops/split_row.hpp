// Numbers as integers of 16 bits in two signed bytes, sixteen at a time.
// Part of split_row.hpp, which includes it again with LOWP_TARGET set to the namespace of an instruction set and LOWP_TARGET_LANES to the
// floats of its vectors; empty otherwise.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

inline constexpr std::size_t lanes = LOWP_TARGET_LANES;
inline constexpr std::size_t vectors = split_step / lanes;

#if defined(__GNUC__)
typedef float vec __attribute__((vector_size(sizeof(float) * lanes)));
typedef std::int32_t integers __attribute__((vector_size(sizeof(std::int32_t) * lanes)));
typedef std::int8_t bytes __attribute__((vector_size(lanes)));
#define LOWP_TARGET_BYTES(integers) __builtin_convertvector(integers, bytes)
#else
static_assert(lanes == 1);
using vec = float;
using integers = std::int32_t;
using bytes = std::int8_t;
#define LOWP_TARGET_BYTES(integers) static_cast<bytes>(integers)
#endif

// Of an argument, since nvcc 13.0 ends with an error in `vec{} + a constant`.
LOWP_ALWAYS_INLINE vec splat(float x) { return vec{} + x; }

// The bits of the largest magnitude among a multiple of sixteen numbers; at least those of infinity where one is not finite.
inline std::uint32_t largest_magnitude(const float* x, std::size_t count) {
  integers most[vectors] = {};
  for (std::size_t i = 0; i < count; i += split_step) {
    LOWP_UNROLL
    for (std::size_t k = 0; k < vectors; ++k) {
      integers size;
      std::memcpy(&size, x + i + k * lanes, sizeof(size));
      size = size & 0x7fffffff;
      most[k] = size > most[k] ? size : most[k];
    }
  }
  std::int32_t parts[split_step];
  std::memcpy(parts, most, sizeof(most));
  std::int32_t largest = 0;
  for (const std::int32_t part : parts) largest = part > largest ? part : largest;
  return static_cast<std::uint32_t>(largest);
}

// x * inverse to the nearest integers, ties to even, as 256 * high + low.
inline void split_numbers(const float* x, std::size_t count, float inverse, std::int8_t* high, std::int8_t* low) {
  const vec shifter = splat(12582912.0f);  // 1.5 * 2^23, beside which the fraction does not fit
  for (std::size_t i = 0; i < count; i += split_step) {
    LOWP_UNROLL
    for (std::size_t k = 0; k < vectors; ++k) {
      vec v;
      std::memcpy(&v, x + i + k * lanes, sizeof(v));
      v = v * inverse + shifter;
      integers n;
      std::memcpy(&n, &v, sizeof(n));  // of which the lower 16 bits are the number
      const bytes h = LOWP_TARGET_BYTES((n + 128) >> 8), l = LOWP_TARGET_BYTES(n & 255);
      std::memcpy(high + i + k * lanes, &h, sizeof(h));
      std::memcpy(low + i + k * lanes, &l, sizeof(l));
    }
  }
}

#undef LOWP_TARGET_BYTES

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
