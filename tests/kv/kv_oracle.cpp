// The C++ side of kv_oracle.py: what a policy of a cache makes of rows of heads. Called as
//
//   <policy> <heads> <rows> <head size> <input> <output>
//
// where rows of the input, 32-bit floats, are those of a token one after another; the output holds arrays as oracle_program.hpp has them.

#include "../quantize/oracle_program.hpp"

#include <lowp/kv/kivi.hpp>
#include <lowp/kv/kvquant_calibration.hpp>
#include <lowp/kv/qjl_outliers.hpp>
#include <lowp/kv/turboquant_product.hpp>

#include <array>

namespace {

using namespace lowp;

struct arguments {
  std::string policy;
  std::size_t heads, rows, size;
  std::vector<float> numbers;
  std::string output;

  matrix_view<const float> view() const { return {numbers.data(), rows, size}; }
  matrix_view<const float> tokens() const { return {numbers.data(), rows / heads, heads * size}; }
};

void write_floats(std::ostream& out, const float* x, std::size_t rows, std::size_t cols) {
  write_matrix(out, matrix_view<const float>(x, rows, cols));
}

// What queries are multiplied by, as its columns: the random matrix of a policy.
template <class Policy>
void write_turn(std::ostream& out, const Policy& policy, std::size_t size, std::size_t head = 0) {
  const std::size_t width = policy.width(size);
  std::vector<float> unit(size * size), turned(size * width);
  for (std::size_t i = 0; i < size; ++i) unit[i * size + i] = 1;
  policy.turn_query({unit.data(), size, size}, {turned.data(), size, width}, head);
  write_floats(out, turned.data(), size, width);
}

template <class Policy>
void write_codebook(std::ostream& out, const Policy& policy, const arguments& a) {
  write_floats(out, policy.book.places.data(), 1, policy.book.places.size());
  write_floats(out, policy.book.values.data(), 1, policy.book.values.size());
  std::vector<kv_outlier> apart;
  write_quantized(out, policy.encode(a.view(), a.heads, apart));
  std::vector<float> list;
  for (const kv_outlier& o : apart) list.insert(list.end(), {static_cast<float>(o.row), static_cast<float>(o.channel), o.add});
  write_floats(out, list.data(), list.size() / 3, 3);
}

bool run(const arguments& a) {
  std::ofstream out(a.output, std::ios::binary);
  bool known = false;
  const auto kivi = [&]<class S>(std::string_view name) {
    if (name != a.policy) return;
    write_quantized(out, plain_policy<S>().encode(a.view(), a.heads));
    known = true;
  };
  kivi.template operator()<kivi_keys<2, f32>>("kivi_keys_2");
  kivi.template operator()<kivi_keys<4, f32>>("kivi_keys_4");
  kivi.template operator()<kivi_keys<2>>("kivi_keys_2_half");
  kivi.template operator()<kivi_values<2, f32>>("kivi_values_2");
  kivi.template operator()<kivi_values<4, f32>>("kivi_values_4");
  kivi.template operator()<kivi_values<2>>("kivi_values_2_half");
  const auto turned = [&](std::string_view name, const auto& policy) {
    if (name != a.policy) return;
    write_turn(out, policy, a.size);
    write_quantized(out, policy.encode(a.view(), a.heads));
    known = true;
  };
  turned("turboquant_1", turboquant<1>(a.size, 5));
  turned("turboquant_2", turboquant<2, f32>(a.size, 6));
  turned("turboquant_3", turboquant<3>(a.size, 7));
  turned("turboquant_4", turboquant<4, f32>(a.size, 8));
  turned("qjl", qjl<f32>(a.size, 2 * a.size + 32, 9));
  turned("qjl_half", qjl<>(a.size, a.size, 10));
  // Of sums, both matrices, then the codes of both.
  const auto sum = [&](std::string_view name, const auto& policy) {
    if (name != a.policy) return;
    write_turn(out, policy, a.size);
    write_turn(out, policy.second(), a.size);
    const auto q = policy.encode(a.view(), a.heads);
    write_quantized(out, q);
    write_quantized(out, q.second);
    known = true;
  };
  sum("turboquant_product_2", turboquant_product<2>(a.size, 11));
  sum("turboquant_product_4", turboquant_product<4, f32>(a.size, 12));
  std::vector<bool> apart = largest_channels(a.tokens(), a.heads, 8);
  if (a.heads == 1) sum("qjl_outliers", qjl_outliers<f32>(a.size, 2 * a.size, a.size, apart, 13));
  const auto keys = [&]<int Bits>(std::string_view name, const kvquant_options& options, std::size_t most = ~std::size_t{0}) {
    if (name != a.policy) return;
    auto policy = calibrate_keys<Bits, false>(a.tokens(), a.heads, options);
    policy.most_apart = most;
    for (std::size_t h = 0; h < a.heads; ++h) write_floats(out, policy.offsets(h), 1, a.size);
    for (std::size_t h = 0; h < a.heads; ++h) write_turn(out, policy, a.size, h);
    write_codebook(out, policy, a);
    known = true;
  };
  std::vector<float> importance(a.heads * a.size);
  for (std::size_t c = 0; c < importance.size(); ++c) importance[c] = static_cast<float>(c % 5);
  std::vector<float> of_numbers(a.numbers.size());
  for (std::size_t i = 0; i < of_numbers.size(); ++i) of_numbers[i] = static_cast<float>(i % 7);
  keys.template operator()<2>("kvquant_keys_2_even", {.even = true});
  keys.template operator()<3>("kvquant_keys_3", {});
  keys.template operator()<3>("kvquant_keys_3_outliers", {.outliers = 0.01, .importance = importance});
  keys.template operator()<3>("kvquant_keys_3_capped", {.outliers = 0.03, .importance = of_numbers}, 1);
  keys.template operator()<2>("kvquant_keys_2_moments", {.outliers = 0.01, .match_moments = true});
  const auto values = [&]<int Bits>(std::string_view name, const kvquant_options& options) {
    if (name != a.policy) return;
    write_codebook(out, calibrate_values<Bits>(a.tokens(), a.heads, options), a);
    known = true;
  };
  values.template operator()<3>("kvquant_values_3", {});
  values.template operator()<4>("kvquant_values_4_outliers", {.outliers = 0.03});
  values.template operator()<3>("kvquant_values_3_fisher", {.outliers = 0.03, .importance = of_numbers});
  values.template operator()<2>("kvquant_values_2_moments", {.outliers = 0.03, .match_moments = true});
  return known && out;
}

}  // namespace

int main(int count, char** text) {
  if (count != 7) return 3;
  const arguments a{text[1], std::stoul(text[2]), std::stoul(text[3]), std::stoul(text[4]), read_floats(text[5]), text[6]};
  if (a.numbers.size() != a.rows * a.size) return 3;
  try {
    return run(a) ? 0 : 3;
  } catch (const lowp::error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
  }
}
