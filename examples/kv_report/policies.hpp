// The policies that the report compares, each with the bits that a number of keys or values takes.
#pragma once

#include "tinylm/attention_memory.hpp"
#include "tinylm/checkpoint.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace kv_report {

struct policy {
  std::string name;
  double bits;  // with its share of scales
  // For a block; of all but the first keep_first and the latest `window` tokens nothing is seen.
  std::function<std::unique_ptr<tinylm::attention_memory>(std::size_t keep_first, std::size_t window)> make;
};

// Those of a lowp::kv_cache.
std::vector<policy> policies(const tinylm::config& c);

}  // namespace kv_report
