// A row times rows of a matrix, and weighted sums of rows.
// Part of row_products.hpp, which includes it again with LOWP_TARGET set to the namespace of an instruction set and LOWP_TARGET_LANES
// to the floats of its vectors; empty otherwise.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

inline constexpr std::size_t lanes = LOWP_TARGET_LANES;
#if defined(__GNUC__)
typedef float vec __attribute__((vector_size(sizeof(float) * lanes)));
#else
static_assert(lanes == 1);
using vec = float;
#endif

LOWP_ALWAYS_INLINE vec read(const float* p) {
  vec v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}

inline float dot(const float* x, const float* y, std::size_t count) {
  vec sums[4] = {};
  std::size_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    LOWP_UNROLL
    for (std::size_t k = 0; k < 4; ++k) sums[k] = sums[k] + read(x + i + k * lanes) * read(y + i + k * lanes);
  }
  for (; i + lanes <= count; i += lanes) sums[0] = sums[0] + read(x + i) * read(y + i);
  const vec total = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  float parts[lanes];
  std::memcpy(parts, &total, sizeof(total));
  float sum = 0;
  for (const float part : parts) sum += part;
  for (; i < count; ++i) sum += x[i] * y[i];
  return sum;
}

inline void add_scaled(float* to, const float* x, float weight, std::size_t count) {
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const vec v = read(to + i) + read(x + i) * weight;
    std::memcpy(to + i, &v, sizeof(v));
  }
  for (; i < count; ++i) to[i] += weight * x[i];
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
