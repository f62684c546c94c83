// The library's side of gptq.py: seconds of GPTQ's parts for a layer [n, n] and of a Hessian's sums, each the best of two runs.
//
//   gptq <n> <tokens> <threads> <weights.f32> <hessian.f32> <codes.bin>
#include <lowp/algorithm.hpp>
#include <lowp/kernel/cpu/thread_executor.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

namespace {

template <class Work>
void report(const char* name, Work&& work) {
  double best = 1e9;
  for (int i = 0; i < 2; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::printf("%s %.4f\n", name, best);
}

std::vector<float> read(const char* path, std::size_t count) {
  std::vector<float> numbers(count);
  std::ifstream file(path, std::ios::binary);
  if (!file.read(reinterpret_cast<char*>(numbers.data()), static_cast<std::streamsize>(count * sizeof(float))))
    throw std::runtime_error(path);
  return numbers;
}

void run(char** arguments) {
  using scheme = lowp::scheme<lowp::u4, lowp::per_group<128>, lowp::asymmetric, lowp::f32>;
  const std::size_t n = std::stoul(arguments[1]);
  const std::size_t tokens = std::stoul(arguments[2]);
  const lowp::thread_executor threads{std::stoul(arguments[3])};
  const std::vector<float> w = read(arguments[4], n * n);
  const std::vector<float> h = read(arguments[5], n * n);
  const lowp::matrix_view<const float> weights(w.data(), n, n);
  const lowp::matrix_view<const float> hessian(h.data(), n, n);
  lowp::quantized<scheme> q;
  report("gptq", [&] { q = lowp::gptq<scheme>(weights, hessian, {}, lowp::recipe{}, threads); });
  report("gptq,act_order", [&] { lowp::gptq<scheme>(weights, hessian, {.act_order = true}, lowp::recipe{}, threads); });
  report("gptq,nvfp4", [&] { lowp::gptq<lowp::nvfp4>(weights, hessian, {}, lowp::recipe{}, threads); });
  std::ofstream(arguments[6], std::ios::binary).write(reinterpret_cast<const char*>(q.codes().data()), static_cast<std::streamsize>(n * n));
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  report("check", [&] { lowp::detail::check_hessian(hessian, n, threads); });
  report("factors", [&] { lowp::detail::inverse_factor(hessian, order, 0.01, threads); });
  std::vector<float> x(tokens * n);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 7919 % 1009) / 504.5f - 1.0f;
  lowp::hessian sums(n);
  report("hessian,f64", [&] { sums.add({x.data(), tokens, n}, threads); });
  lowp::hessian_f32 short_sums(n);
  report("hessian,f32", [&] { short_sums.add({x.data(), tokens, n}, threads); });
}

}  // namespace

int main(int count, char** arguments) try {
  if (count != 7) return 3;
  run(arguments);
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 2;
}
