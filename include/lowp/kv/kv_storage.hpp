// Where the pages of a cache are: wherever a pool has room, shared until they are written, or in one piece of memory.
//
//   lowp::kv_page_pool pool(1000);                                                  // at most a thousand pages, of all its caches
//   lowp::kv_cache<lowp::int8_channel, lowp::int8_channel, lowp::paged<64>> cache(8, 128, {.storage = {pool}});
//   auto other = cache;                                                             // the same pages, until one of them grows
//   lowp::kv_cache<lowp::int8_channel, lowp::int8_channel, lowp::contiguous<>> one_piece(8, 128, {.storage = lowp::contiguous<>(32)});
//
// Source of pages with a block table and copy on write: PagedAttention, Kwon et al. 2023 (arXiv 2309.06180), section 4.
#pragma once

#include <lowp/core/aligned.hpp>
#include <lowp/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace lowp::inline LOWP_ABI {

// Room for the pages of many caches. Pages that nobody has any more are used again. Caches of one pool are not to be changed by several
// threads at once.
class kv_page_pool {
 public:
  explicit kv_page_pool(std::size_t most_pages) : state_(std::make_shared<state>()) { state_->most = most_pages; }

  std::size_t most_pages() const noexcept { return state_->most; }
  std::size_t pages_in_use() const noexcept { return state_->used; }

  // A page of zeros. Throws lowp::error if all are in use.
  std::shared_ptr<aligned_vector<std::uint8_t>> take(std::size_t bytes) const {
    if (state_->used == state_->most) LOWP_THROW("all ", state_->most, " pages of the pool are in use");
    std::unique_ptr<aligned_vector<std::uint8_t>> page;
    if (state_->free.empty()) {
      page = std::make_unique<aligned_vector<std::uint8_t>>();
    } else {
      page = std::move(state_->free.back());
      state_->free.pop_back();
    }
    page->assign(bytes, 0);
    ++state_->used;
    return {page.release(), [home = state_](aligned_vector<std::uint8_t>* p) {
              --home->used;
              home->free.emplace_back(p);
            }};
  }

 private:
  struct state {
    std::size_t most = 0;
    std::size_t used = 0;
    std::vector<std::unique_ptr<aligned_vector<std::uint8_t>>> free;
  };
  std::shared_ptr<state> state_;
};

// Pages one after another, in memory for `reserved` of them at first; more are moved to another place. A copy of a cache copies them.
template <std::size_t PageTokens = 256>
struct contiguous {
  static_assert(PageTokens % 32 == 0 && PageTokens >= 32 && PageTokens <= 256, "a page has 32, 64, ... 256 tokens");
  static constexpr std::size_t page_tokens = PageTokens;

  contiguous() = default;
  explicit contiguous(std::size_t reserved) : reserved_(reserved) {}
  contiguous empty_one() const { return contiguous(reserved_); }

  std::size_t pages() const noexcept { return count_; }
  const std::uint8_t* page(std::size_t i) const noexcept { return memory_.data() + i * bytes_; }
  std::uint8_t* writable(std::size_t i) { return memory_.data() + i * bytes_; }
  void add(std::size_t bytes) {
    bytes_ = bytes;
    if (count_ == 0) memory_.reserve(reserved_ * bytes);
    memory_.resize(++count_ * bytes);
  }
  void remove(std::size_t first, std::size_t count) {
    const auto at = memory_.begin() + static_cast<std::ptrdiff_t>(first * bytes_);
    memory_.erase(at, at + static_cast<std::ptrdiff_t>(count * bytes_));
    count_ -= count;
  }

 private:
  aligned_vector<std::uint8_t> memory_;
  std::size_t reserved_ = 0;
  std::size_t bytes_ = 0;
  std::size_t count_ = 0;
};

// Pages anywhere. A copy of a cache has the same pages, and gets its own of one that is written.
template <std::size_t PageTokens = 256>
struct paged {
  static_assert(PageTokens % 32 == 0 && PageTokens >= 32 && PageTokens <= 256, "a page has 32, 64, ... 256 tokens");
  static constexpr std::size_t page_tokens = PageTokens;

  paged() : pool_(~std::size_t{0}) {}
  paged(kv_page_pool pool) : pool_(std::move(pool)) {}
  paged empty_one() const { return paged(pool_); }  // of the same pool

  std::size_t pages() const noexcept { return table_.size(); }
  const std::uint8_t* page(std::size_t i) const noexcept { return table_[i]->data(); }
  std::uint8_t* writable(std::size_t i) {
    if (table_[i].use_count() > 1) {
      auto own = pool_.take(table_[i]->size());
      *own = *table_[i];
      table_[i] = std::move(own);
    }
    return table_[i]->data();
  }
  void add(std::size_t bytes) { table_.push_back(pool_.take(bytes)); }
  void remove(std::size_t first, std::size_t count) {
    const auto at = table_.begin() + static_cast<std::ptrdiff_t>(first);
    table_.erase(at, at + static_cast<std::ptrdiff_t>(count));
  }

 private:
  kv_page_pool pool_;
  std::vector<std::shared_ptr<aligned_vector<std::uint8_t>>> table_;
};

}  // namespace lowp::inline LOWP_ABI
