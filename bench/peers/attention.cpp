// lowp's side of attention.py: decode attention over caches that together are larger than the last cache, prompts, and appends.
//
//   attention <context> <query heads>        8 heads of 128; answers a line of stdin at a time:
//   names | bytes <cache> | time <cache> <seconds> (median milliseconds) | append <cache> (microseconds a token) | ceiling (bytes a second)
//   prompt <cache> <seconds> (median milliseconds for all tokens of the context at once)
#include <lowp/kv/attention.hpp>
#include <lowp/kv/kivi.hpp>
#include <lowp/kv/kvquant_calibration.hpp>
#include <lowp/kv/prefill.hpp>
#include <lowp/kv/qjl.hpp>
#include <lowp/kv/rotated.hpp>
#include <lowp/kv/turboquant.hpp>
#include <lowp/scheme/presets.hpp>

#include "../kernel/ceilings.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace lowp;

constexpr std::size_t heads = 8, size = 128, width = heads * size, chunk = 4096, beyond_caches = 320'000'000;

double now() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// The median of so many seconds' runs, and of `least` at least; in milliseconds.
template <class Run>
double milliseconds_of(double limit, std::size_t least, Run&& run) {
  std::vector<double> each;
  for (double sum = 0; sum < limit || each.size() < least; sum += each.back()) {
    const double start = now();
    run(each.size());
    each.push_back(now() - start);
  }
  std::nth_element(each.begin(), each.begin() + static_cast<std::ptrdiff_t>(each.size() / 2), each.end());
  return 1e3 * each[each.size() / 2];
}

struct measured {
  std::function<std::size_t()> bytes;
  std::function<double(double)> step;
  std::function<double(double)> prompt;
  std::function<double()> append;
};

template <class Key, class Value = Key>
measured cache_of(std::size_t context, std::size_t query_heads, const std::vector<float>& numbers, kv_policy<Key> key = {},
                  kv_policy<Value> value = {}) {
  using cache_type = kv_cache<Key, Value, contiguous<>>;
  const auto fill = [&numbers](auto& cache, std::size_t tokens) {
    for (std::size_t t = 0; t < tokens; t += chunk) {
      const std::size_t count = std::min(chunk, tokens - t);
      cache.append({numbers.data(), count, width}, {numbers.data() + chunk * width, count, width});
    }
  };
  std::vector<cache_type> layers;
  layers.push_back(cache_type(heads, size, {.key = key, .value = value}));
  fill(layers[0], context);
  const std::size_t bytes = layers[0].bytes();
  while (layers.size() * bytes < beyond_caches) layers.push_back(layers[0]);
  auto shared = std::make_shared<std::vector<cache_type>>(std::move(layers));
  return {[bytes] { return bytes; },
          [shared, query_heads, &numbers](double limit) {
            std::vector<float> out(query_heads * size);
            return milliseconds_of(limit, shared->size(), [&](std::size_t i) {
              attend({numbers.data() + 12345, query_heads, size}, (*shared)[i % shared->size()], {out.data(), query_heads, size});
            });
          },
          [shared, context, query_heads, &numbers](double limit) {
            std::vector<float> q(context * query_heads * size), out(q.size());
            for (std::size_t i = 0; i < q.size(); ++i) q[i] = numbers[(i + 12345) % numbers.size()];
            return milliseconds_of(limit, 4, [&](std::size_t i) {
              attend_causal({q.data(), context, query_heads * size}, (*shared)[i % shared->size()], {out.data(), context, query_heads * size});
            });
          },
          [&numbers, key, value] {
            kv_cache<Key, Value> cache(heads, size, {.key = key, .value = value});
            cache.append({numbers.data(), chunk, width}, {numbers.data() + chunk * width, chunk, width});
            const double start = now();
            constexpr std::size_t tokens = 1024;
            for (std::size_t t = 0; t < tokens; ++t) {
              cache.append({numbers.data() + t * width, 1, width}, {numbers.data() + (chunk + t) * width, 1, width});
            }
            return 1e6 * (now() - start) / tokens;
          }};
}

using f16_cache = scheme<f16, per_tensor, symmetric, unit>;
using int8_cache = scheme<i8, per_token, symmetric, f16>;
using e4m3_cache = scheme<e4m3, per_token, symmetric, f16>;
using int4_cache = scheme<u4, per_token, asymmetric, f16>;
using int4_g32_cache = scheme<u4, per_group<32>, asymmetric, f16>;
using int2_cache = scheme<u2, per_token, asymmetric, f16>;
using int2_g32_cache = scheme<u2, per_group<32>, asymmetric, f16>;

template <int Bits>
measured kvquant(std::size_t context, std::size_t query_heads, const std::vector<float>& numbers) {
  const matrix_view<const float> text(numbers.data(), 1024, width);
  return cache_of<kvquant_keys<Bits>, kvquant_values<Bits>>(context, query_heads, numbers,
                                                            calibrate_keys<Bits>(text, heads, {.outliers = 0.01}),
                                                            calibrate_values<Bits>(text, heads, {.outliers = 0.01}));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "attention <context> <query heads>\n"), 2;
  const auto context = static_cast<std::size_t>(std::atoll(argv[1])), query_heads = static_cast<std::size_t>(std::atoll(argv[2]));
  std::vector<float> numbers(2 * chunk * width);
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (float& x : numbers) x = normal(random);
  const std::vector<std::pair<std::string, std::function<measured()>>> makers = {
      {"f16", [&] { return cache_of<f16_cache>(context, query_heads, numbers); }},
      {"int8", [&] { return cache_of<int8_cache>(context, query_heads, numbers); }},
      {"fp8", [&] { return cache_of<e4m3_cache>(context, query_heads, numbers); }},
      {"int4", [&] { return cache_of<int4_cache>(context, query_heads, numbers); }},
      {"int4_g32", [&] { return cache_of<int4_g32_cache>(context, query_heads, numbers); }},
      {"nvfp4", [&] { return cache_of<nvfp4>(context, query_heads, numbers); }},
      {"mxfp4", [&] { return cache_of<mxfp4>(context, query_heads, numbers); }},
      {"int2", [&] { return cache_of<int2_cache>(context, query_heads, numbers); }},
      {"int2_g32", [&] { return cache_of<int2_g32_cache>(context, query_heads, numbers); }},
      {"kivi2", [&] { return cache_of<kivi_keys<2>, kivi_values<2>>(context, query_heads, numbers); }},
      {"rotated4", [&] { return cache_of<rotated<int4_cache>, int4_cache>(context, query_heads, numbers, rotated<int4_cache>(size)); }},
      {"turboquant3", [&] { return cache_of<turboquant<3>>(context, query_heads, numbers, turboquant<3>(size), turboquant<3>(size)); }},
      {"qjl256", [&] { return cache_of<qjl<>, int4_cache>(context, query_heads, numbers, qjl<>(size, 256)); }},
      {"kvquant3", [&] { return kvquant<3>(context, query_heads, numbers); }},
      {"kvquant2", [&] { return kvquant<2>(context, query_heads, numbers); }},
  };
  std::map<std::string, measured> made;
  std::string command, name;
  while (std::cin >> command) {
    if (command == "names") {
      for (const auto& [each, make] : makers) std::cout << each << ' ';
      std::cout << std::endl;
      continue;
    }
    if (command == "ceiling") {
      std::cout << ceilings::read_bytes(best_isa(), std::size_t{1} << 29) << std::endl;
      continue;
    }
    std::cin >> name;
    const auto maker = std::find_if(makers.begin(), makers.end(), [&](const auto& m) { return m.first == name; });
    if (maker == makers.end()) return std::fprintf(stderr, "no cache %s\n", name.c_str()), 2;
    if (!made.contains(name)) made.emplace(name, maker->second());
    double seconds = 0;
    if (command == "time" || command == "prompt") std::cin >> seconds;
    if (command == "bytes") std::cout << made[name].bytes() << std::endl;
    else if (command == "time") std::cout << made[name].step(seconds) << std::endl;
    else if (command == "prompt") std::cout << made[name].prompt(seconds) << std::endl;
    else std::cout << made[name].append() << std::endl;
  }
}
