#include "vector_math.hpp"

#include <lowp/kernel/cpu/isa.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace tinylm {
namespace {

// Everything below is inlined into one function an instruction set (see run), which alone decides what the vectors become.
#define TINYLM_INLINE inline __attribute__((always_inline))

template <std::size_t Width>
struct floats;
template <>
struct floats<4> {
  using type = float __attribute__((vector_size(16)));
  using integers = std::int32_t __attribute__((vector_size(16)));
};
template <>
struct floats<8> {
  using type = float __attribute__((vector_size(32)));
  using integers = std::int32_t __attribute__((vector_size(32)));
};
template <>
struct floats<16> {
  using type = float __attribute__((vector_size(64)));
  using integers = std::int32_t __attribute__((vector_size(64)));
};

// Lanes of a vector, and rows of a tile of two vectors a row that stays in registers.
struct baseline {
  static constexpr std::size_t width = 4;
  static constexpr std::size_t rows = 4;
};
struct avx2 {
  static constexpr std::size_t width = 8;
  static constexpr std::size_t rows = 4;
};
struct avx512 {
  static constexpr std::size_t width = 16;
  static constexpr std::size_t rows = 8;
};

constexpr std::size_t widest_tile = 2 * avx512::width;
constexpr std::size_t most_rows = avx512::rows;

template <class Isa>
struct vector {
  using lanes = typename floats<Isa::width>::type;
  using integers = typename floats<Isa::width>::integers;

  lanes value;

  static TINYLM_INLINE void load(const float* from, lanes& to) { std::memcpy(&to, from, sizeof(to)); }
  static TINYLM_INLINE void store(const lanes& from, float* to) { std::memcpy(to, &from, sizeof(from)); }

  static TINYLM_INLINE float sum(const lanes& x) {
    float total = 0;
    for (std::size_t i = 0; i < Isa::width; ++i) total += x[i];
    return total;
  }

  // x = exp(x), to an error of about 1e-7; exp(-87) for anything smaller.
  static TINYLM_INLINE void exp(lanes& x) {
    const lanes zero{};
    lanes clamped = x < zero - 87.0f ? zero - 87.0f : x;
    clamped = clamped > zero + 88.0f ? zero + 88.0f : clamped;
    // Adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits.
    const lanes shifted = clamped * 1.44269504f + 12582912.0f;
    const lanes n = shifted - 12582912.0f;
    const lanes r = clamped - n * 0.693359375f + n * 2.12194440e-4f;  // ln 2 in two parts
    lanes p = r * (1.0f / 5040) + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    integers bits;
    std::memcpy(&bits, &shifted, sizeof(bits));
    bits = (bits << 23) + 0x3f800000;
    lanes power;
    std::memcpy(&power, &bits, sizeof(power));
    x = p * power;
  }
};

// c [Rows, tile] = a [Rows, k] * b [k, tile], where a tile is two vectors.
template <class Isa, std::size_t Rows>
TINYLM_INLINE void multiply(const float* a, std::size_t a_stride, const float* b, std::size_t b_stride, std::size_t k, float* c,
                            std::size_t c_stride) {
  using v = vector<Isa>;
  typename v::lanes sum[Rows][2] = {};
  for (std::size_t i = 0; i < k; ++i) {
    typename v::lanes b0, b1;
    v::load(b + i * b_stride, b0);
    v::load(b + i * b_stride + Isa::width, b1);
#pragma GCC unroll 8
    for (std::size_t r = 0; r < Rows; ++r) {
      const float scalar = a[r * a_stride + i];
      sum[r][0] += scalar * b0;
      sum[r][1] += scalar * b1;
    }
  }
#pragma GCC unroll 8
  for (std::size_t r = 0; r < Rows; ++r) {
    v::store(sum[r][0], c + r * c_stride);
    v::store(sum[r][1], c + r * c_stride + Isa::width);
  }
}

// x[0, size) = softmax(scale * x) over the first `valid`, zero behind them; size is a whole number of vectors.
template <class Isa>
TINYLM_INLINE void softmax(float* x, std::size_t valid, std::size_t size, float scale) {
  using v = vector<Isa>;
  std::fill(x + valid, x + size, -std::numeric_limits<float>::infinity());
  typename v::lanes most, lanes;
  v::load(x, most);
  for (std::size_t i = Isa::width; i < size; i += Isa::width) {
    v::load(x + i, lanes);
    most = lanes > most ? lanes : most;
  }
  float largest = most[0];
  for (std::size_t i = 1; i < Isa::width; ++i) largest = std::max(largest, most[i]);
  typename v::lanes sum{};
  for (std::size_t i = 0; i < size; i += Isa::width) {
    v::load(x + i, lanes);
    lanes = (lanes - largest) * scale;
    v::exp(lanes);
    v::store(lanes, x + i);
    sum += lanes;
  }
  const float inverse = 1.0f / v::sum(sum);
  for (std::size_t i = 0; i < size; i += Isa::width) {
    v::load(x + i, lanes);
    v::store(lanes * inverse, x + i);
  }
  std::fill(x + valid, x + size, 0.0f);
}

struct attention {
  lowp::matrix_view<const float> q;
  std::size_t first;
  const kv_cache& cache;
  lowp::matrix_view<float> out;
  float* scores;  // [most_rows, capacity]

  // Queries row to row + Rows of one head.
  template <class Isa, std::size_t Rows>
  TINYLM_INLINE void some(std::size_t row, std::size_t head, std::size_t kv_head) const {
    constexpr std::size_t tile = 2 * Isa::width;
    const std::size_t features = cache.head_width;
    const std::size_t positions = first + row + Rows;
    const std::size_t padded = (positions + tile - 1) / tile * tile;
    const float* keys = cache.keys.data() + kv_head * features * cache.capacity;
    for (std::size_t p = 0; p < padded; p += tile) {
      multiply<Isa, Rows>(&q(row, head * features), q.row_stride(), keys + p, cache.capacity, features, scores + p, cache.capacity);
    }
    const float scale = 1.0f / std::sqrt(static_cast<float>(features));
    for (std::size_t r = 0; r < Rows; ++r) softmax<Isa>(scores + r * cache.capacity, first + row + r + 1, padded, scale);
    const std::size_t stride = cache.heads * features;
    for (std::size_t f = 0; f < features; f += tile) {
      multiply<Isa, Rows>(scores, cache.capacity, cache.values.data() + kv_head * features + f, stride, positions,
                          &out(row, head * features + f), out.row_stride());
    }
  }

  template <class Isa>
  TINYLM_INLINE void operator()(Isa) const {
    const std::size_t heads = q.cols() / cache.head_width;
    for (std::size_t head = 0; head < heads; ++head) {
      const std::size_t kv_head = head * cache.heads / heads;
      std::size_t row = 0;
      for (; row + Isa::rows <= q.rows(); row += Isa::rows) some<Isa, Isa::rows>(row, head, kv_head);
      for (; row < q.rows(); ++row) some<Isa, 1>(row, head, kv_head);
    }
  }
};

struct gated {
  std::span<float> gate;
  std::span<const float> up;

  template <class Isa>
  TINYLM_INLINE void operator()(Isa) const {
    using v = vector<Isa>;
    std::size_t i = 0;
    for (; i + Isa::width <= gate.size(); i += Isa::width) {
      typename v::lanes g, u;
      v::load(&gate[i], g);
      v::load(&up[i], u);
      typename v::lanes e = -g;
      v::exp(e);
      v::store(g * u / (e + 1.0f), &gate[i]);
    }
    for (; i < gate.size(); ++i) gate[i] *= up[i] / (1.0f + std::exp(-gate[i]));
  }
};

struct norm {
  std::span<const float> x, weight;
  float epsilon;
  std::span<float> out;

  template <class Isa>
  TINYLM_INLINE void operator()(Isa) const {
    using v = vector<Isa>;
    const std::size_t whole = x.size() / Isa::width * Isa::width;
    typename v::lanes squares{};
    typename v::lanes lanes;
    for (std::size_t i = 0; i < whole; i += Isa::width) {
      v::load(&x[i], lanes);
      squares += lanes * lanes;
    }
    float sum = v::sum(squares);
    for (std::size_t i = whole; i < x.size(); ++i) sum += x[i] * x[i];
    const float factor = 1.0f / std::sqrt(sum / static_cast<float>(x.size()) + epsilon);
    for (std::size_t i = 0; i < x.size(); ++i) out[i] = x[i] * factor * weight[i];
  }
};

#if LOWP_X86_64
template <class Task>
__attribute__((target("avx2,fma"), flatten)) void run_avx2(const Task& task) {
  task(avx2{});
}
template <class Task>
__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,fma"), flatten)) void run_avx512(const Task& task) {
  task(avx512{});
}
#endif

template <class Task>
void run(const Task& task) {
#if LOWP_X86_64
  if (lowp::best_isa() >= lowp::isa::x86_v4) return run_avx512(task);
  if (lowp::best_isa() >= lowp::isa::x86_v3) return run_avx2(task);
#endif
  task(baseline{});
}

}  // namespace

kv_cache::kv_cache(std::size_t heads_, std::size_t head_width_, std::size_t positions)
    : heads(heads_),
      head_width(head_width_),
      capacity((positions + widest_tile - 1) / widest_tile * widest_tile),
      keys(heads * head_width * capacity),
      values(capacity * heads * head_width) {}

void kv_cache::put(std::size_t position, std::span<const float> k, std::span<const float> v) {
  for (std::size_t f = 0; f < k.size(); ++f) keys[f * capacity + position] = k[f];
  std::copy(v.begin(), v.end(), values.begin() + static_cast<std::ptrdiff_t>(position * v.size()));
}

void attend(lowp::matrix_view<const float> q, std::size_t first, const kv_cache& cache, lowp::matrix_view<float> out) {
  lowp::aligned_vector<float> scores(most_rows * cache.capacity);
  run(attention{q, first, cache, out, scores.data()});
}

void swiglu(std::span<float> gate, std::span<const float> up) { run(gated{gate, up}); }

void rms_norm(std::span<const float> x, std::span<const float> weight, float epsilon, std::span<float> out) {
  run(norm{x, weight, epsilon, out});
}

void rotate(std::span<float> x, std::span<const float> cosines, std::span<const float> sines) {
  const std::size_t half = cosines.size();
  for (std::size_t head = 0; head < x.size(); head += 2 * half) {
    for (std::size_t i = 0; i < half; ++i) {
      const float a = x[head + i];
      const float b = x[head + half + i];
      x[head + i] = a * cosines[i] - b * sines[i];
      x[head + half + i] = b * cosines[i] + a * sines[i];
    }
  }
}

}  // namespace tinylm
