// What appending to a KV cache is given, and the checks that come first.
//
//   auto a = lowp::kv_append_arguments_of(cache, keys, values, first, lengths, sequences, {.cosines = c, .sines = s});
#pragma once

#include <lowp/kernel/cuda/bits.hpp>
#include <lowp/kernel/cuda/device_kv_cache.hpp>
#if !defined(__CUDACC_RTC__)
#include <lowp/core/matrix_view.hpp>
#endif

#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

// Rotary position embedding of the keys: channel pairs (x, y) of position p become (x c - y s, y c + x s), c = cosines[p][pair], each
// rounded to the type of the keys. Source: Su et al. 2021 (arXiv 2104.09864).
struct kv_rotation {
  const float* cosines = nullptr;  // [positions][head size / 2]; null: no rotation
  const float* sines = nullptr;
  bool adjacent = false;  // pairs are channels 2 i and 2 i + 1; else i and i + head size / 2
};

template <class Page, class T>
struct kv_append_arguments {
  static_assert(ptx::packed_type<T>, "keys and values are f16 or bf16");

  device_kv_cache<Page> cache;
  const T* keys;  // [new tokens of all sequences][heads][head size], tokens key_stride numbers apart
  std::size_t key_stride;
  const T* values;
  std::size_t value_stride;
  const std::uint32_t* first;    // [sequences + 1]: sequence i has the new tokens first[i] .. first[i + 1] - 1
  const std::uint32_t* lengths;  // [sequences]: tokens in the cache, the new ones included
  std::uint32_t sequences;
  std::uint32_t new_tokens;
  kv_rotation rotation;
};

#if !defined(__CUDACC_RTC__)

// Throws lowp::error for shapes that do not fit.
template <class Page, class T>
kv_append_arguments<Page, T> kv_append_arguments_of(const device_kv_cache<Page>& cache, matrix_view<const T> keys,
                                                    matrix_view<const T> values, const std::uint32_t* first, const std::uint32_t* lengths,
                                                    std::size_t sequences, kv_rotation rotation = {}) {
  detail::require_cache(cache, sequences);
  const std::size_t cols = std::size_t{cache.heads} * Page::head_size;
  if (keys.cols() != cols || values.cols() != cols || keys.rows() != values.rows()) {
    LOWP_THROW("keys of ", keys.rows(), " x ", keys.cols(), " and values of ", values.rows(), " x ", values.cols(), " are not those of ",
               cache.heads, " heads of ", Page::head_size);
  }
  if (!keys.contiguous_rows() || !values.contiguous_rows()) LOWP_THROW("the rows of keys and values must be contiguous in memory");
  const auto aligned = [](const void* p, std::size_t stride) { return reinterpret_cast<std::uintptr_t>(p) % 16 == 0 && stride % 8 == 0; };
  if (!aligned(keys.data(), keys.row_stride()) || !aligned(values.data(), values.row_stride())) {
    LOWP_THROW("the rows of keys and values must start at multiples of 16 bytes");
  }
  if ((rotation.cosines == nullptr) != (rotation.sines == nullptr)) LOWP_THROW("a rotation needs cosines and sines");
  return {.cache = cache,
          .keys = keys.data(),
          .key_stride = keys.row_stride(),
          .values = values.data(),
          .value_stride = values.row_stride(),
          .first = first,
          .lengths = lengths,
          .sequences = static_cast<std::uint32_t>(sequences),
          .new_tokens = static_cast<std::uint32_t>(keys.rows()),
          .rotation = rotation};
}

#endif

}  // namespace lowp::inline LOWP_ABI
