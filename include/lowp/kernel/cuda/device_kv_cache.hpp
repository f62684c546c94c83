// A KV cache in device memory, as the kernels that append to it and attend over it see it.
//
//   lowp::device_kv_cache<page> cache{.pages = pages, .table = table, .table_stride = 512, .heads = 8};
//   cache.page_of(sequence, token, head);      // the block of that head in the page that holds the token
#pragma once

#include <lowp/kernel/kv_page.hpp>
#if !defined(__CUDACC_RTC__)
#include <lowp/core/error.hpp>
#endif

#include <cstddef>
#include <cstdint>

namespace lowp::inline LOWP_ABI {

// All pointers are to device memory. Page numbers in the table are trusted.
template <class Page>
struct device_kv_cache {
  std::uint8_t* pages = nullptr;         // [pages][Page::page_bytes(heads)], 16-byte aligned
  const std::uint32_t* table = nullptr;  // [sequences][table_stride]: the page of tokens i * Page::tokens and following
  std::size_t table_stride = 0;
  std::uint32_t heads = 0;
  const float* key_scales = nullptr;  // [heads], for schemes with one scale a head or above the others; null: 1
  const float* value_scales = nullptr;
  std::uint8_t* rings = nullptr;              // [slots][heads] pages of kv_ring, for formats with a residual window
  const std::uint32_t* ring_slots = nullptr;  // [sequences]; null: sequence i has slot i

  LOWP_HD std::uint8_t* page_of(std::uint32_t sequence, std::size_t token, std::uint32_t head) const noexcept {
    const std::size_t page = table[sequence * table_stride + token / Page::tokens];
    return pages + page * Page::page_bytes(heads) + std::size_t{head} * Page::head_bytes;
  }
  template <class Ring>
  LOWP_HD std::uint8_t* ring_of(std::uint32_t sequence, std::uint32_t head) const noexcept {
    const std::size_t slot = ring_slots == nullptr ? sequence : ring_slots[sequence];
    return rings + (slot * heads + head) * Ring::head_bytes;
  }
  LOWP_HD float key_scale(std::uint32_t head) const noexcept {
    if constexpr (Page::key::has_outer_scale) return key_scales == nullptr ? 1.0f : key_scales[head];
    else return 1.0f;
  }
  LOWP_HD float value_scale(std::uint32_t head) const noexcept {
    if constexpr (Page::value::has_outer_scale) return value_scales == nullptr ? 1.0f : value_scales[head];
    else return 1.0f;
  }
};

#if !defined(__CUDACC_RTC__)

namespace detail {

template <class Page>
void require_cache(const device_kv_cache<Page>& cache, std::size_t sequences) {
  if (cache.heads == 0) LOWP_THROW("a KV cache has at least one head");
  if (sequences == 0) return;
  if (cache.pages == nullptr || cache.table == nullptr) LOWP_THROW("a KV cache needs pages and a table of pages");
  if (reinterpret_cast<std::uintptr_t>(cache.pages) % 16 != 0 || reinterpret_cast<std::uintptr_t>(cache.rings) % 16 != 0) {
    LOWP_THROW("the pages of a KV cache start at multiples of 16 bytes");
  }
  if (Page::has_residual && cache.rings == nullptr)
    LOWP_THROW("this KV cache keeps its latest ", Page::ring_tokens, " tokens in a ring, which is missing");
}

}  // namespace detail

#endif

}  // namespace lowp::inline LOWP_ABI
