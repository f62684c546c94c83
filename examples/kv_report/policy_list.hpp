// How policies of caches are listed, one family of them in each file, so that the kernels of a family are compiled once.
#pragma once

#include "kv_report/policies.hpp"
#include "tinylm/cache_memory.hpp"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace kv_report {

class policy_list {
 public:
  explicit policy_list(const tinylm::config& c) : heads_(c.kv_heads), size_(c.head_width) {}

  std::size_t head_size() const noexcept { return size_; }

  template <class Key, class Value = Key>
  void add(std::string name, typename lowp::kv_cache<Key, Value, lowp::contiguous<64>>::options_type options = {}) {
    using cache = lowp::kv_cache<Key, Value, lowp::contiguous<64>>;
    const cache empty(heads_, size_, options);
    const double bits = (empty.keys().bits_of_row() + empty.values().bits_of_row()) / static_cast<double>(2 * size_);
    list.push_back({std::move(name), bits, [heads = heads_, size = size_, options](std::size_t keep_first, std::size_t window) {
                      typename cache::options_type own = options;
                      own.keep_first = keep_first;
                      return tinylm::make_memory(cache(heads, size, std::move(own)), window);
                    }});
  }

  std::vector<policy> list;

 private:
  std::size_t heads_, size_;
};

void add_schemes(policy_list& p);
void add_kivi(policy_list& p);
void add_turboquant(policy_list& p);

}  // namespace kv_report
