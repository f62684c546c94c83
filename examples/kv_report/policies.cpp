#include "kv_report/policies.hpp"

#include "tinylm/cache_memory.hpp"

#include <lowp/kv/kivi.hpp>
#include <lowp/kv/qjl.hpp>
#include <lowp/kv/rotated.hpp>
#include <lowp/kv/turboquant.hpp>
#include <lowp/scheme/presets.hpp>

#include <utility>

namespace kv_report {
namespace {

using namespace lowp;

class policy_list {
 public:
  explicit policy_list(const tinylm::config& c) : heads_(c.kv_heads), size_(c.head_width) {}

  template <class Key, class Value = Key>
  void add(std::string name, typename kv_cache<Key, Value, contiguous<64>>::options_type options = {}) {
    using cache = kv_cache<Key, Value, contiguous<64>>;
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

}  // namespace

std::vector<policy> policies(const tinylm::config& c) {
  using half = scheme<f16, per_tensor, symmetric, unit>;
  using int8 = scheme<i8, per_token, symmetric, f32>;
  using fp8 = scheme<e4m3, per_token, symmetric, f32>;
  using by_token2 = kivi_values<2>;
  using by_token4 = kivi_values<4>;
  const std::size_t size = c.head_width;
  policy_list p(c);
  p.add<half>("f16");
  p.add<int8>("INT8, a scale a token");
  p.add<fp8>("FP8 E4M3, a scale a token");
  p.add<mxfp4>("MXFP4");
  p.add<by_token4>("4 bits by token");
  p.add<rotated<by_token4>, by_token4>("4 bits by token, keys rotated", {.key = rotated<by_token4>(size)});
  p.add<kivi_keys<4>, by_token4>("4 bits, KIVI");
  p.add<rotated<kivi_keys<4>>, by_token4>("4 bits, KIVI, keys rotated", {.key = rotated<kivi_keys<4>>(size)});
  p.add<turboquant<4>>("4 bits, TurboQuant", {.key = turboquant<4>(size), .value = turboquant<4>(size)});
  p.add<kivi_keys<3>, kivi_values<3>>("3 bits, KIVI");
  p.add<turboquant<3>>("3 bits, TurboQuant", {.key = turboquant<3>(size), .value = turboquant<3>(size)});
  p.add<by_token2>("2 bits by token");
  p.add<kivi_keys<2>, by_token2>("2 bits, KIVI");
  p.add<kivi_keys<2>, by_token2>("2 bits, KIVI, latest 32 kept", {.keep_last = 32});
  p.add<kivi_keys<2>, by_token2>("2 bits, KIVI, latest 128 kept", {.keep_last = 128});
  p.add<qjl<>, by_token4>("QJL, 256 signs a key; values 4 bits", {.key = qjl<>(size, 256)});
  return std::move(p.list);
}

}  // namespace kv_report
