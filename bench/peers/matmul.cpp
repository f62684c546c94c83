// lowp's products and the machine's ceilings for matmul.py, which asks for them a line at a time:
//
//   matmul <threads>
//   ceilings <threads> <bytes>                      ->  <instruction set> <f32> <bf16> <int8> <bytes of so many>: a second
//   shape <file of f32> <rows> <n> <k>              ->  ok                     weights [n, k]: the file's rows, again and again
//   prepare <weights> <mode>                        ->  <bytes of the packed weights> <bytes a second that memory gives for so many>
//   rates <weights>                                 ->  <weights a second quantized> <weights a second dequantized>
//   time <weights> <mode> <tokens> <seconds>        ->  <median milliseconds>
//   error <weights> <mode> <tokens>                 ->  <relative error against the unquantized weights in double precision>
//
// Packing is done before anything is timed; what a mode makes of the f32 activations is part of its time.
#include "../kernel/ceilings.hpp"

#include <lowp/kernel/cpu/thread_executor.hpp>
#include <lowp/lowp.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace {

using floats = lowp::matrix_view<const float>;

// One scheme's weights in every mode it has.
struct contender {
  std::size_t bytes;
  std::function<void(const std::string& mode, floats x, lowp::matrix_view<float> y)> multiply;
};

struct rate {
  double quantized;  // seconds
  double dequantized;
};

// With one thread of the processor, which other programs lengthen less, else of the clock on the wall.
template <class Work>
double seconds_of(std::size_t threads, Work&& work) {
  const auto start = std::chrono::steady_clock::now();
  const double thread_start = ceilings::seconds_of_thread();
  work();
  const double thread_seconds = ceilings::seconds_of_thread() - thread_start;
  return threads == 1 ? thread_seconds : std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}
double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

template <class Compute, lowp::scheme_type S>
void multiply(floats x, const lowp::packed<S, lowp::layout::tile16>& w, lowp::matrix_view<float> y, std::size_t threads) {
  if (threads <= 1) return lowp::gemm<Compute>(x, w, y);
  lowp::gemm<Compute>(x, w, y, {}, lowp::no_epilogue{}, lowp::openmp_executor{threads});
}

template <lowp::scheme_type S>
contender make(floats weights, std::size_t threads) {
  using packed = lowp::packed<S, lowp::layout::tile16>;
  const auto w = std::make_shared<const packed>(lowp::quantize<S>(weights));
  const std::size_t bytes = lowp::storage_bits<S>(weights.rows(), weights.cols()) / 8;
  return {bytes, [w, threads](const std::string& mode, floats x, lowp::matrix_view<float> y) {
            if (mode == "exact") return multiply<lowp::compute::exact>(x, *w, y, threads);
            if (mode == "bf16") return multiply<lowp::compute::bf16>(x, *w, y, threads);
            if constexpr (lowp::integer_product_exists<lowp::int8_channel, S>) {
              if (mode == "int8") return multiply<lowp::compute::int8<>>(x, *w, y, threads);
              if (mode == "split") return multiply<lowp::compute::split>(x, *w, y, threads);
              if constexpr (S::granularity::cols_per_group != 0) {
                // A scale for each group of the activations too, as the peers have it.
                using groups = lowp::per_group<S::granularity::cols_per_group>;
                if (mode == "int8_grouped") return multiply<lowp::compute::int8<groups>>(x, *w, y, threads);
              }
            }
            LOWP_THROW("no mode ", mode, " for these weights");
          }};
}

template <lowp::scheme_type S>
rate measure_rate(floats weights) {
  std::vector<double> to;
  std::vector<double> back;
  lowp::quantized<S> q(weights.rows(), weights.cols());
  std::vector<float> out(weights.rows() * weights.cols());
  for (int i = 0; i < 5; ++i) {
    to.push_back(seconds_of(1, [&] { lowp::cpu::quantize(weights, q); }));
    back.push_back(seconds_of(1, [&] { lowp::cpu::dequantize(q, lowp::matrix_view<float>(out.data(), weights.rows(), weights.cols())); }));
  }
  return {median(to), median(back)};
}

// What can be done with a scheme.
struct maker {
  contender (*make)(floats weights, std::size_t threads);
  rate (*measure_rate)(floats weights);
};
template <lowp::scheme_type S>
constexpr maker of = {make<S>, measure_rate<S>};

template <std::size_t Group>
using int4 = lowp::scheme<lowp::i4, lowp::per_group<Group>, lowp::symmetric, lowp::f16>;

const std::map<std::string, maker> makers = {
    {"int4_g16", of<int4<16>>},     {"int4_g32", of<int4<32>>}, {"int4_g64", of<int4<64>>}, {"int4_g128", of<int4<128>>},
    {"nf4_g64", of<lowp::nf4_g64>}, {"mxfp4", of<lowp::mxfp4>}, {"nvfp4", of<lowp::nvfp4>}, {"int8_channel", of<lowp::int8_channel>}};

class bench {
 public:
  explicit bench(std::size_t threads) : threads_(threads) {}

  std::string answer(const std::string& line) {
    std::istringstream words(line);
    std::ostringstream out;
    std::string verb;
    std::string weights;
    std::string mode;
    words >> verb;
    if (verb == "ceilings") {
      const lowp::isa best = lowp::best_isa();
      std::size_t threads = 1;
      std::size_t bytes = 0;
      words >> threads >> bytes;
      out << lowp::name(best) << ' ' << ceilings::f32_operations(best, threads) << ' ' << ceilings::bf16_operations(best, threads) << ' '
          << ceilings::int8_operations(best, threads) << ' ' << ceilings::read_bytes(best, bytes, threads);
      return out.str();
    }
    if (verb == "shape") {
      std::string file;
      std::size_t rows = 0;
      words >> file >> rows >> n_ >> k_;
      made_.clear();
      weights_.resize(n_ * k_);
      std::ifstream in(file, std::ios::binary);
      in.read(reinterpret_cast<char*>(weights_.data()), static_cast<std::streamsize>(rows * k_ * sizeof(float)));
      if (!in) LOWP_THROW("cannot read ", rows, " x ", k_, " floats from ", file);
      for (std::size_t i = rows * k_; i < weights_.size(); ++i) weights_[i] = weights_[i - rows * k_];
      return "ok";
    }
    std::size_t tokens = 0;
    double seconds = 0;
    words >> weights >> mode >> tokens >> seconds;
    if (verb == "rates") return rates(weights);
    const contender& c = made(weights);
    if (verb == "prepare") out << c.bytes << ' ' << ceilings::read_bytes(lowp::best_isa(), c.bytes, threads_);
    if (verb == "time") out << time(c, mode, tokens, seconds);
    if (verb == "error") out << error(c, mode, tokens);
    return out.str();
  }

 private:
  static const maker& maker_of(const std::string& name) {
    const auto found = makers.find(name);
    if (found == makers.end()) LOWP_THROW("no weights ", name);
    return found->second;
  }

  const contender& made(const std::string& name) {
    auto found = made_.find(name);
    if (found == made_.end()) found = made_.emplace(name, maker_of(name).make({weights_.data(), n_, k_}, threads_)).first;
    return found->second;
  }

  std::string rates(const std::string& name) const {
    const rate seconds = maker_of(name).measure_rate({weights_.data(), std::min<std::size_t>(n_, 1024), k_});
    const auto count = static_cast<double>(std::min<std::size_t>(n_, 1024) * k_);
    std::ostringstream out;
    out << count / seconds.quantized << ' ' << count / seconds.dequantized;
    return out.str();
  }

  std::vector<float> activations(std::size_t tokens) const {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    std::vector<float> x(tokens * k_);
    for (float& v : x) v = normal(random);
    return x;
  }

  double time(const contender& c, const std::string& mode, std::size_t tokens, double seconds) const {
    const std::vector<float> x = activations(tokens);
    std::vector<float> y(tokens * n_);
    const auto once = [&] { return seconds_of(threads_, [&] { c.multiply(mode, {x.data(), tokens, k_}, {y.data(), tokens, n_}); }); };
    const std::size_t fewest = once() > seconds ? 1 : 3;
    std::vector<double> each;
    for (double spent = 0; each.size() < fewest || spent < seconds; spent += each.back()) each.push_back(once());
    return 1e3 * median(each);
  }

  double error(const contender& c, const std::string& mode, std::size_t tokens) const {
    const std::vector<float> x = activations(tokens);
    std::vector<float> y(tokens * n_);
    c.multiply(mode, {x.data(), tokens, k_}, {y.data(), tokens, n_});
    double off = 0;
    double all = 0;
    for (std::size_t m = 0; m < tokens; ++m) {
      for (std::size_t r = 0; r < n_; r += n_ / 64 + 1) {
        double sum = 0;
        for (std::size_t k = 0; k < k_; ++k) sum += static_cast<double>(weights_[r * k_ + k]) * static_cast<double>(x[m * k_ + k]);
        const double difference = static_cast<double>(y[m * n_ + r]) - sum;
        off += difference * difference;
        all += sum * sum;
      }
    }
    return std::sqrt(off / all);
  }

  std::size_t threads_;
  std::size_t n_ = 0;
  std::size_t k_ = 0;
  std::vector<float> weights_;
  std::map<std::string, contender> made_;
};

}  // namespace

int main(int argc, char** argv) {
  bench here(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1);
  for (std::string line; std::getline(std::cin, line);) {
    try {
      std::cout << here.answer(line) << std::endl;
    } catch (const std::exception& error) {
      std::cout << "skip " << error.what() << std::endl;
    }
  }
}
