// The library's side of gptq.py: seconds of GPTQ's parts for a layer [n, n] and of a Hessian's sums, each the best of some runs.
//
//   gptq <n> <tokens> <threads> <rounds> <weights.f32> <hessian.f32> <codes.bin>
#include <lowp/algorithm.hpp>
#include <lowp/kernel/cpu/thread_executor.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

namespace {

template <class Work>
void report(const char* name, int rounds, Work&& work) {
  double best = 1e9;
  for (int i = 0; i < rounds; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::printf("%s %.4f\n", name, best);
}

std::vector<float> read(const char* path, std::size_t count) {
  std::vector<float> numbers(count);
  std::ifstream file(path, std::ios::binary);
  if (!file.read(reinterpret_cast<char*>(numbers.data()), static_cast<std::streamsize>(count * sizeof(float)))) throw std::runtime_error(path);
  return numbers;
}

void run(char** arguments) {
  using scheme = lowp::scheme<lowp::u4, lowp::per_group<128>, lowp::asymmetric, lowp::f32>;
  const std::size_t n = std::stoul(arguments[1]);
  const std::size_t tokens = std::stoul(arguments[2]);
  const lowp::thread_executor threads{std::stoul(arguments[3])};
  const int rounds = std::atoi(arguments[4]);
  const std::vector<float> w = read(arguments[5], n * n);
  const std::vector<float> h = read(arguments[6], n * n);
  const lowp::matrix_view<const float> weights(w.data(), n, n);
  const lowp::matrix_view<const float> hessian(h.data(), n, n);
  lowp::quantized<scheme> q;
  report("gptq", rounds, [&] { q = lowp::gptq<scheme>(weights, hessian, {}, lowp::recipe{}, threads); });
  report("gptq,act_order", rounds, [&] { lowp::gptq<scheme>(weights, hessian, {.act_order = true}, lowp::recipe{}, threads); });
  report("gptq,mse", 1, [&] { lowp::gptq<scheme>(weights, hessian, {}, lowp::recipe{lowp::mse_search{}}, threads); });
  report("gptq,nvfp4", rounds, [&] { lowp::gptq<lowp::nvfp4>(weights, hessian, {}, lowp::recipe{}, threads); });
  std::ofstream(arguments[7], std::ios::binary)
      .write(reinterpret_cast<const char*>(q.codes().data()), static_cast<std::streamsize>(n * n));
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  report("check", rounds, [&] { lowp::detail::check_hessian(hessian, n, threads); });
  report("factors", rounds, [&] { lowp::detail::inverse_factor(hessian, order, 0.01, threads); });
  std::vector<float> x(tokens * n);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 7919 % 1009) / 504.5f - 1.0f;
  lowp::hessian sums(n);
  report("hessian,f64", rounds, [&] { sums.add({x.data(), tokens, n}, threads); });
  lowp::hessian_f32 short_sums(n);
  report("hessian,f32", rounds, [&] { short_sums.add({x.data(), tokens, n}, threads); });
}

}  // namespace

int main(int count, char** arguments) try {
  if (count != 8) return 3;
  run(arguments);
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 2;
}
