// A row times rows of a matrix, weighted sums of rows, and lengths.
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

// Two vectors of columns at a time, for which there are registers for several rows.
template <std::size_t Rows>
LOWP_ALWAYS_INLINE void multiply_rows(const float* x, std::size_t inner, const float* matrix, std::size_t width, float* out) {
  for (std::size_t first = 0; first < width; first += 2 * lanes) {
    vec sums[Rows][2] = {};
    for (std::size_t c = 0; c < inner; ++c) {
      LOWP_UNROLL
      for (std::size_t k = 0; k < 2; ++k) {
        const vec m = read(matrix + c * width + first + k * lanes);
        LOWP_UNROLL
        for (std::size_t r = 0; r < Rows; ++r) sums[r][k] = sums[r][k] + m * x[r * inner + c];
      }
    }
    for (std::size_t r = 0; r < Rows; ++r) std::memcpy(out + r * width + first, sums[r], sizeof(sums[r]));
  }
}

inline void multiply(const float* x, std::size_t rows, std::size_t inner, const float* matrix, std::size_t width, float* out) {
  constexpr std::size_t most = lanes == 16 ? 8 : 4;
  std::size_t r = 0;
  for (; r + most <= rows; r += most) multiply_rows<most>(x + r * inner, inner, matrix, width, out + r * width);
  for (; r < rows; ++r) multiply_rows<1>(x + r * inner, inner, matrix, width, out + r * width);
}

inline double squares(const float* x, std::size_t count) {
  constexpr std::size_t step = 8;
  double sums[step] = {};
  std::size_t i = 0;
  for (; i + step <= count; i += step) {
    for (std::size_t k = 0; k < step; ++k) sums[k] += static_cast<double>(x[i + k]) * static_cast<double>(x[i + k]);
  }
  for (; i < count; ++i) sums[0] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
