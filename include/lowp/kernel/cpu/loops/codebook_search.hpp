// Where numbers lie in a codebook, a vector at a time.
// Part of codebook_search.hpp, which includes it again with LOWP_TARGET set to the namespace of an instruction set and LOWP_TARGET_LANES
// to the floats of its vectors; empty otherwise.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

inline constexpr std::size_t lanes = LOWP_TARGET_LANES;

#if defined(__GNUC__)
typedef float vec __attribute__((vector_size(sizeof(float) * lanes)));
typedef std::int32_t integers __attribute__((vector_size(sizeof(std::int32_t) * lanes)));
typedef std::uint8_t bytes __attribute__((vector_size(lanes)));
#define LOWP_TARGET_BYTES(integers) __builtin_convertvector(integers, bytes)
#else
static_assert(lanes == 1);
using vec = float;
using integers = std::int32_t;
using bytes = std::uint8_t;
#define LOWP_TARGET_BYTES(integers) static_cast<bytes>(integers)
#endif

// A function, since nvcc's front end ends where it could work such a vector out.
LOWP_ALWAYS_INLINE vec splat(float x) { return vec{} + x; }

// The vector from p[i] on; of the last few of `count` numbers, with x after them.
LOWP_ALWAYS_INLINE vec read(const float* p, std::size_t i, std::size_t count, float x) {
  vec v = LOWP_TARGET::splat(x);
  std::memcpy(&v, p + i, (count - i < lanes ? count - i : lanes) * sizeof(float));
  return v;
}
template <class T, class Vector>
LOWP_ALWAYS_INLINE void write(T* p, std::size_t i, std::size_t count, Vector v) {
  std::memcpy(p + i, &v, (count - i < lanes ? count - i : lanes) * sizeof(T));
}

// Calls visit(first, end of those that are known to be whole) for each vector.
template <class Visitor>
LOWP_ALWAYS_INLINE void for_vectors(std::size_t count, const Visitor& visit) {
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) visit(i, i + lanes);
  if (i < count) visit(i, count);
}

inline void places_of_channels(const float* x, const float* offsets, const float* scales, std::size_t count, float* places) {
  for_vectors(count, [&](std::size_t i, std::size_t end) LOWP_INLINE_LAMBDA {
    write(places, i, end, (read(x, i, end, 0.0f) - read(offsets, i, end, 0.0f)) / read(scales, i, end, 1.0f));
  });
}

inline void places_of_row(const float* x, float offset, float scale, std::size_t count, float* places) {
  for_vectors(count,
              [&](std::size_t i, std::size_t end) LOWP_INLINE_LAMBDA { write(places, i, end, (read(x, i, end, 0.0f) - offset) / scale); });
}

inline void search(const float* places, std::size_t count, const float* thresholds, std::size_t steps, std::uint8_t* codes) {
  for_vectors(count, [&](std::size_t i, std::size_t end) LOWP_INLINE_LAMBDA {
    const vec place = read(places, i, end, 0.0f);
    integers found = {};
    const integers zero = {}, one = zero + 1;
    for (std::size_t s = 0; s < steps; ++s) found = found + (place > LOWP_TARGET::splat(thresholds[s]) ? one : zero);
    write(codes, i, end, LOWP_TARGET_BYTES(found));
  });
}

inline stretch_ranges ranges_of(const float* x, std::size_t count, value_range kept) {
  const vec largest = LOWP_TARGET::splat(f32::largest), smallest = LOWP_TARGET::splat(-f32::largest);
  const vec least_kept = LOWP_TARGET::splat(kept.low), most_kept = LOWP_TARGET::splat(kept.high);
  vec low = largest, high = smallest, low_within = largest, high_within = smallest;
  integers reach = {};
  for_vectors(count, [&](std::size_t i, std::size_t end) LOWP_INLINE_LAMBDA {
    const vec v = read(x, i, end, x[i]);
    integers bits;
    std::memcpy(&bits, &v, sizeof(bits));
    bits = bits & 0x7fffffff;
    reach = bits > reach ? bits : reach;
    low = v < low ? v : low;
    high = v > high ? v : high;
    const vec not_below = v >= least_kept ? v : largest, not_above = v <= most_kept ? v : smallest;
    const vec down = v <= most_kept ? not_below : largest, up = v >= least_kept ? not_above : smallest;
    low_within = down < low_within ? down : low_within;
    high_within = up > high_within ? up : high_within;
  });
  float ends[4][lanes];
  std::int32_t reaches[lanes];
  std::memcpy(ends[0], &low, sizeof(low));
  std::memcpy(ends[1], &high, sizeof(high));
  std::memcpy(ends[2], &low_within, sizeof(low));
  std::memcpy(ends[3], &high_within, sizeof(high));
  std::memcpy(reaches, &reach, sizeof(reach));
  stretch_ranges r{{ends[0][0], ends[1][0]}, {ends[2][0], ends[3][0]}, true};
  for (std::size_t i = 0; i < lanes; ++i) {
    r.all = {ends[0][i] < r.all.low ? ends[0][i] : r.all.low, ends[1][i] > r.all.high ? ends[1][i] : r.all.high};
    r.within = {ends[2][i] < r.within.low ? ends[2][i] : r.within.low, ends[3][i] > r.within.high ? ends[3][i] : r.within.high};
    r.finite = r.finite && reaches[i] < 0x7f800000;
  }
  return r;
}

#undef LOWP_TARGET_BYTES

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
