// The fast Hadamard transform of one row. Sums are made in the same order for every width of vector, so all versions give the same bits.
// Part of hadamard.hpp, which includes it again with LOWP_TARGET set to the namespace of an instruction set and LOWP_TARGET_LANES to the
// floats of its vectors; empty otherwise.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

inline constexpr std::size_t lanes = LOWP_TARGET_LANES;

#if defined(__GNUC__)
typedef float vec __attribute__((vector_size(sizeof(float) * lanes)));
typedef std::int32_t lane_numbers __attribute__((vector_size(sizeof(std::int32_t) * lanes)));

// The level of the transform at a distance of less than a vector: its other number plus or minus each.
template <std::size_t Apart, std::size_t... Lane>
LOWP_ALWAYS_INLINE vec level(vec x, std::index_sequence<Lane...>) {
  constexpr vec sign = {((Lane & Apart) != 0 ? -1.0f : 1.0f)...};
#if defined(__clang__)
  return __builtin_shufflevector(x, x, static_cast<int>(Lane ^ Apart)...) + sign * x;
#else
  // With indices as a vector, since nvcc 13.0 does not expand arguments of the other.
  constexpr lane_numbers others = {static_cast<std::int32_t>(Lane ^ Apart)...};
  return __builtin_shuffle(x, others) + sign * x;
#endif
}
#else
static_assert(lanes == 1);
using vec = float;
#endif

LOWP_ALWAYS_INLINE vec read(const float* p) {
  vec v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}
LOWP_ALWAYS_INLINE void write(float* p, vec v) { std::memcpy(p, &v, sizeof(v)); }

LOWP_ALWAYS_INLINE vec within_lanes(vec x) {
#if defined(__GNUC__)
  constexpr std::make_index_sequence<lanes> all{};
  if constexpr (lanes > 1) x = level<1>(x, all);
  if constexpr (lanes > 2) x = level<2>(x, all);
  if constexpr (lanes > 4) x = level<4>(x, all);
  if constexpr (lanes > 8) x = level<8>(x, all);
#endif
  return x;
}

// Log2(Radix) levels of the transform of x[0, n), from the distance h on; the first time with those inside vectors before them. `factors`,
// or null, are multiplied in first.
template <std::size_t Radix, bool First>
LOWP_ALWAYS_INLINE void butterflies(float* x, std::size_t n, std::size_t h, const float* factors) {
  for (std::size_t base = 0; base < n; base += h * Radix) {
    for (std::size_t i = base; i < base + h; i += lanes) {
      vec v[Radix];
      LOWP_UNROLL
      for (std::size_t k = 0; k < Radix; ++k) {
        v[k] = read(x + i + k * h);
        if constexpr (First) {
          if (factors != nullptr) v[k] = v[k] * read(factors + i + k * h);
          v[k] = within_lanes(v[k]);
        }
      }
      LOWP_UNROLL
      for (std::size_t apart = 1; apart < Radix; apart *= 2) {
        LOWP_UNROLL
        for (std::size_t k = 0; k < Radix; ++k) {
          if ((k & apart) != 0) continue;
          const vec a = v[k], b = v[k + apart];
          v[k] = a + b;
          v[k + apart] = a - b;
        }
      }
      LOWP_UNROLL
      for (std::size_t k = 0; k < Radix; ++k) write(x + i + k * h, v[k]);
    }
  }
}

template <bool First>
LOWP_ALWAYS_INLINE std::size_t next_levels(float* x, std::size_t n, std::size_t h, const float* factors) {
  if (n / h >= 8) {
    butterflies<8, First>(x, n, h, factors);
    return h * 8;
  }
  if (n / h == 4) butterflies<4, First>(x, n, h, factors);
  else if (n / h == 2) butterflies<2, First>(x, n, h, factors);
  else butterflies<1, First>(x, n, h, factors);
  return n;
}

// x = H x for Sylvester's matrix of n rows, a power of two, of (factors times x).
inline void sylvester(float* x, std::size_t n, const float* factors) {
  if (n < lanes) {
    if (factors != nullptr) {
      for (std::size_t i = 0; i < n; ++i) x[i] *= factors[i];
    }
    for (std::size_t h = 1; h < n; h *= 2) {
      for (std::size_t i = 0; i < n; ++i) {
        if ((i & h) != 0) continue;
        const float a = x[i], b = x[i + h];
        x[i] = a + b;
        x[i + h] = a - b;
      }
    }
    return;
  }
  for (std::size_t h = next_levels<true>(x, n, lanes, factors); h < n;) h = next_levels<false>(x, n, h, nullptr);
}

// x = H x for the base's matrix [base, base] across base stretches of `power` numbers.
inline void across(float* x, std::size_t base, std::size_t power, const float* matrix) {
  constexpr std::size_t block = 4;  // rows of the matrix at a time, of which every base is a multiple
  std::size_t i = 0;
  for (; i + lanes <= power; i += lanes) {
    vec column[hadamard_base_limit];
    for (std::size_t j = 0; j < base; ++j) column[j] = read(x + j * power + i);
    for (std::size_t row = 0; row < base; row += block) {
      vec sum[block];
      LOWP_UNROLL
      for (std::size_t k = 0; k < block; ++k) sum[k] = vec{};
      for (std::size_t j = 0; j < base; ++j) {
        LOWP_UNROLL
        for (std::size_t k = 0; k < block; ++k) sum[k] = sum[k] + matrix[(row + k) * base + j] * column[j];
      }
      LOWP_UNROLL
      for (std::size_t k = 0; k < block; ++k) write(x + (row + k) * power + i, sum[k]);
    }
  }
  for (; i < power; ++i) {
    float column[hadamard_base_limit];
    for (std::size_t j = 0; j < base; ++j) column[j] = x[j * power + i];
    for (std::size_t row = 0; row < base; ++row) {
      float sum = 0;
      for (std::size_t j = 0; j < base; ++j) sum += matrix[row * base + j] * column[j];
      x[row * power + i] = sum;
    }
  }
}

inline void transform(float* x, const hadamard_plan& plan, bool inverse) {
  const std::size_t power = plan.sizes.power, n = plan.sizes.base * power;
  for (std::size_t first = 0; first < n; first += power) sylvester(x + first, power, inverse ? nullptr : plan.factors + first);
  if (plan.sizes.base != 1) across(x, plan.sizes.base, power, inverse ? plan.transposed : plan.matrix);
  if (!inverse) return;
  for (std::size_t i = 0; i < n; ++i) x[i] *= plan.factors[i];
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
