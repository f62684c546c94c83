// The largest of many numbers, and their exponentials beside the sum of those, sixteen at a time.
// Part of softmax.hpp, which includes it again with LOWP_TARGET set to the namespace of an instruction set and LOWP_TARGET_LANES to the
// floats of its vectors; empty otherwise.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

inline constexpr std::size_t lanes = LOWP_TARGET_LANES;
inline constexpr std::size_t vectors = softmax_step / lanes;

#if defined(__GNUC__)
typedef float vec __attribute__((vector_size(sizeof(float) * lanes)));
typedef std::int32_t integers __attribute__((vector_size(sizeof(std::int32_t) * lanes)));
#else
static_assert(lanes == 1);
using vec = float;
using integers = std::int32_t;
#endif

LOWP_ALWAYS_INLINE vec read(const float* p) {
  vec v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}

// Of an argument, since nvcc 13.0 ends with an error in `vec{} + a constant`.
LOWP_ALWAYS_INLINE vec splat(float x) { return vec{} + x; }

// The largest of a multiple of sixteen numbers, in sixteen parts.
inline void largest(const float* x, std::size_t count, float* parts) {
  constexpr std::size_t chains = 4;  // that do not wait for each other
  vec most[chains][vectors];
  LOWP_UNROLL
  for (std::size_t k = 0; k < vectors; ++k) {
    for (std::size_t j = 0; j < chains; ++j) most[j][k] = read(x + k * lanes);
  }
  const auto take = [&](std::size_t i, std::size_t j) LOWP_INLINE_LAMBDA {
    LOWP_UNROLL
    for (std::size_t k = 0; k < vectors; ++k) {
      const vec v = read(x + i + k * lanes);
      most[j][k] = v > most[j][k] ? v : most[j][k];
    }
  };
  std::size_t i = softmax_step;
  for (; i + chains * softmax_step <= count; i += chains * softmax_step) {
    LOWP_UNROLL
    for (std::size_t j = 0; j < chains; ++j) take(i + j * softmax_step, j);
  }
  for (; i < count; i += softmax_step) take(i, 0);
  LOWP_UNROLL
  for (std::size_t j = 1; j < chains; ++j) {
    LOWP_UNROLL
    for (std::size_t k = 0; k < vectors; ++k) most[0][k] = most[j][k] > most[0][k] ? most[j][k] : most[0][k];
  }
  std::memcpy(parts, most[0], sizeof(most[0]));
}

// e^x for x from -87 to 0, below as at -87: 2^n e^r, and e^r by a polynomial (S. Moshier, Cephes, expf: 2 units in the last place).
LOWP_ALWAYS_INLINE vec exponential(vec x) {
  const vec low = splat(-87.0f);
  x = x < low ? low : x;
  const vec shifter = splat(12582912.0f);  // 1.5 * 2^23, beside which the fraction does not fit
  const vec shifted = x * 1.44269504f + shifter;
  const vec n = shifted - shifter;
  const vec r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  vec p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  integers exponent;
  std::memcpy(&exponent, &shifted, sizeof(exponent));
  exponent = (exponent << 23) + 0x3f800000;  // the low bits of `shifted` are n
  vec power;
  std::memcpy(&power, &exponent, sizeof(power));
  return p * power;
}

// x = e^(x * scale - shift) for a multiple of sixteen numbers; their sums in sixteen parts.
inline void exponentials(float* x, std::size_t count, float scale, float shift, float* parts) {
  vec sums[vectors];
  LOWP_UNROLL
  for (std::size_t k = 0; k < vectors; ++k) sums[k] = vec{};
  for (std::size_t i = 0; i < count; i += softmax_step) {
    LOWP_UNROLL
    for (std::size_t k = 0; k < vectors; ++k) {
      const vec e = exponential(read(x + i + k * lanes) * scale - shift);
      sums[k] = sums[k] + e;
      std::memcpy(x + i + k * lanes, &e, sizeof(e));
    }
  }
  std::memcpy(parts, sums, sizeof(sums));
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
