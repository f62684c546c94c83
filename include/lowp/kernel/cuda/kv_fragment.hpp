// Keys and values of a KV cache as the A operand of mma.m16n8k16, from rows of codes in shared memory as they lie in a page.
//
// Scores are [tokens, channels] x [channels, heads]. They are sums over channels, so each lane takes channels that lie together:
// lane 4 g + t has part t of the rows of tokens g and g + 8, and the queries are loaded in the same order.
//
// Results are [channels, tokens] x [tokens, heads]: the values transposed. They are sums over tokens, so lane 4 g + t takes tokens t,
// t + 4, t + 8 and t + 12, and of each part g of the row. Four codes of one token followed by four of another become pairs of both
// tokens in the dequantizer's interleaved order, so that the transposition costs one byte permutation for eight codes.
//
//   lowp::kv_key_lanes<rows>::channel(t, run)        the first of the eight channels of a run
//   lowp::kv_value_lanes<rows>::channel(g, run)      the first of the four channels of a run
#pragma once

#include <lowp/kernel/cuda/block.hpp>
#include <lowp/kernel/cuda/dequantize_fragment.hpp>
#include <lowp/kernel/kv_page.hpp>

#include <concepts>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

namespace detail {

LOWP_HD constexpr int vector_bytes(int bytes) noexcept {
  int v = 1;
  while (v < 16 && bytes % (2 * v) == 0) v *= 2;
  return v;
}

template <int Bytes>
struct register_words {
  std::uint32_t word[Bytes < 4 ? 1 : Bytes / 4];
};

template <int Bytes>
LOWP_HD LOWP_ALWAYS_INLINE register_words<Bytes> load_packed(const std::uint8_t* p) noexcept {
  register_words<Bytes> v{};
  if constexpr (Bytes == 1) v.word[0] = *p;
  else if constexpr (Bytes == 2) v.word[0] = ptx::load_half_word(p);
  else ptx::load_words<Bytes / 4>(v.word, p);
  return v;
}

// A parameter and a row of eight.
template <number_format P>
LOWP_HD LOWP_ALWAYS_INLINE float kv_parameter_value(const std::uint8_t* part, int at) noexcept {
  if constexpr (P::bits == 0) return 1.0f;
  else return ptx::widen<P>(reinterpret_cast<const code_t<P>*>(part)[at]);
}

template <ptx::packed_type T>
LOWP_HD LOWP_ALWAYS_INLINE std::uint32_t both_of(float low, float high) noexcept {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  std::uint32_t d = 0;
  if constexpr (std::same_as<T, f16>) asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(d) : "f"(high), "f"(low));
  else asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(d) : "f"(high), "f"(low));
  return d;
#else
  return ptx::pair(ptx::narrow<T>(low), ptx::narrow<T>(high));
#endif
}

// Whether every number of P is one of T.
template <number_format P, ptx::packed_type T>
inline constexpr bool kv_exact = [] {
  if constexpr (P::bits > 8) return std::same_as<P, T>;
  else return exact_in<P, T>();
}();

// Two parameters of a part in T.
template <number_format P, ptx::packed_type T>
LOWP_HD LOWP_ALWAYS_INLINE std::uint32_t kv_parameter_pair(const std::uint8_t* part, int low, int high) noexcept {
  const auto* const codes = reinterpret_cast<const code_t<P>*>(part);
  if constexpr (std::same_as<P, T>) return ptx::pair(codes[low], codes[high]);
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 890
  if constexpr (ptx::native_byte_float<P> && std::same_as<T, f16>) return ptx::widen_bytes<P>(codes[low] | std::uint32_t{codes[high]} << 8);
#endif
  return both_of<T>(kv_parameter_value<P>(part, low), kv_parameter_value<P>(part, high));
}

// scale * (number - zero) in pairs, with the parameters `low` and `high` of their parts: one multiply-add, after -scale * zero was
// rounded to T.
template <class Rows, ptx::packed_type T>
LOWP_HD LOWP_ALWAYS_INLINE std::uint32_t kv_scaled(std::uint32_t numbers, const std::uint8_t* scales, const std::uint8_t* zeros, int low,
                                                   int high) noexcept {
  using scale_format = typename Rows::scale_format;
  using zero_format = typename Rows::zero_format;
  const std::uint32_t scale = kv_parameter_pair<scale_format, T>(scales, low, high);
  if constexpr (!Rows::scheme::has_zero) {
    return ptx::mul2<T>(numbers, scale);
  } else if constexpr (kv_exact<scale_format, T> && kv_exact<zero_format, T>) {
    return ptx::fma2<T>(numbers, scale, ptx::mul2<T>(scale, kv_parameter_pair<zero_format, T>(zeros, low, high)) ^ 0x80008000u);
  } else {
    const auto offset = [&](int at) { return -kv_parameter_value<scale_format>(scales, at) * kv_parameter_value<zero_format>(zeros, at); };
    return ptx::fma2<T>(numbers, scale, both_of<T>(offset(low), offset(high)));
  }
}

}  // namespace detail

// What a lane reads of keys. Rows lie one after another, sixteen bytes of them in another order so that no two lanes ask the same
// bank of shared memory.
template <class Rows>
struct kv_key_lanes {
  static constexpr int bits = Rows::bits;
  static constexpr int bytes = detail::vector_bytes(Rows::row_bytes / 4);
  static constexpr int vectors = Rows::row_bytes / 4 / bytes;
  static constexpr int runs = bytes / bits;  // of eight codes in a vector
  using words = detail::register_words<bytes>;

  LOWP_HD static constexpr int channel(int t, int run) noexcept { return ((run / runs * 4 + t) * runs + run % runs) * 8; }
  LOWP_HD static constexpr int place(int row, int vector) noexcept { return Rows::row_bytes % 128 == 0 ? vector ^ (row % 2) * 4 : vector; }
  LOWP_HD LOWP_ALWAYS_INLINE static words load(const std::uint8_t* tile, int row, int t, int vector) noexcept {
    const int at = (vector * 4 + t) * bytes;
    return detail::load_packed<bytes>(tile + row * Rows::row_bytes + place(row, at / 16) * 16 + at % 16);
  }

  // Queries lie in the order that is cheapest to bring keys into; by channel in the natural order, that of the scales.
  using order = std::conditional_t<Rows::granularity == kv_granularity::channel, natural_order, any_order>;
  template <class T>
  LOWP_HD LOWP_ALWAYS_INLINE static fragment<T> numbers(const words& w, int run) noexcept {
    if constexpr (bits == 16) {
      return {{w.word[0], w.word[1], w.word[2], w.word[3]}};
    } else {
      using dequantizer = fragment_dequantizer<typename Rows::format, T, order>;
      if constexpr (bits == 8) return dequantizer::value(std::uint64_t{w.word[run * 2 + 1]} << 32 | w.word[run * 2]);
      else return dequantizer::value(bits == 4 ? w.word[run] : w.word[run / 2] >> (run % 2 * 16) & 0xffffu);
    }
  }
  template <class T>
  LOWP_HD static constexpr int position(int e) noexcept {
    if constexpr (bits == 16) return e;
    else return fragment_dequantizer<typename Rows::format, T, order>::position(e);
  }
};

// A lane takes Chunk channels that lie together, in loads of at most 16 bytes.
template <class Rows, int Chunk = detail::vector_bytes(Rows::row_bytes / 8) * 8 / Rows::bits>
struct kv_value_lanes {
  static constexpr int bits = Rows::bits;
  static constexpr int chunk = Chunk;
  static constexpr int bytes = detail::vector_bytes(chunk * bits / 8);
  static constexpr int vectors = Rows::row_bytes / 8 / bytes;
  static constexpr int runs = bytes * 2 / bits;  // of four codes in a vector
  using words = detail::register_words<bytes>;

  LOWP_HD static constexpr int channel(int g, int run) noexcept { return (run / (chunk / 4) * 8 + g) * chunk + run % (chunk / 4) * 4; }
  LOWP_HD static constexpr int place(int row, int vector) noexcept {
    return Rows::row_bytes % 128 == 0 ? vector ^ row % 4 * 2 : Rows::row_bytes % 64 == 0 ? vector ^ row % 4 / 2 * 2 : vector;
  }
  LOWP_HD LOWP_ALWAYS_INLINE static words load(const std::uint8_t* tile, int row, int g, int vector) noexcept {
    const int at = channel(g, vector * runs) * bits / 8;
    return detail::load_packed<bytes>(tile + row * Rows::row_bytes + place(row, at / 16) * 16 + at % 16);
  }

  // Register j: channel j of the run, of token a in the low half and of token b in the high one.
  template <class T>
  LOWP_HD LOWP_ALWAYS_INLINE static fragment<T> pairs(const words& a, const words& b, int run) noexcept {
    if constexpr (bits == 16) {
      const std::uint32_t* const x = a.word + run * 2;
      const std::uint32_t* const y = b.word + run * 2;
      return {{ptx::prmt(x[0], y[0], 0x5410), ptx::prmt(x[0], y[0], 0x7632), ptx::prmt(x[1], y[1], 0x5410), ptx::prmt(x[1], y[1], 0x7632)}};
    } else {
      using dequantizer = fragment_dequantizer<typename Rows::format, T, interleaved_order>;
      if constexpr (bits == 8) {
        return dequantizer::value(std::uint64_t{b.word[run]} << 32 | a.word[run]);
      } else if constexpr (bits == 4) {
        return dequantizer::value(ptx::prmt(a.word[run / 2], b.word[run / 2], run % 2 == 0 ? 0x5410u : 0x7632u));
      } else {
        const auto byte = static_cast<std::uint32_t>(run % 4);
        return dequantizer::value(ptx::prmt(a.word[run / 4], b.word[run / 4], byte | (byte + 4) << 4) & 0xffffu);
      }
    }
  }
};

}  // namespace lowp::inline LOWP_ABI
