#include <lowp/kv/kvquant_calibration.hpp>
#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace {

using namespace lowp;

constexpr std::size_t tokens = 600, heads = 2, size = 32, channels = heads * size;

// Channels of all sizes and middles, and a part of the numbers far away.
std::vector<float> keys_of(std::uint64_t seed, double far = 0.01) {
  auto x = normal_numbers(tokens * channels, seed);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto c = static_cast<float>(i % channels);
    if (random_unit(seed + 1, i) < far) x[i] *= 12;
    x[i] = x[i] * (0.1f + c / 16) + c - 20;
  }
  return x;
}

template <class Policy>
quantized<typename Policy::scheme> encode(const Policy& policy, const std::vector<float>& x) {
  std::vector<kv_outlier> apart;
  return policy.encode(view_of(x, tokens * heads, size), heads, apart);
}
template <class Policy>
std::vector<kv_outlier> outliers_of(const Policy& policy, const std::vector<float>& x) {
  std::vector<kv_outlier> apart;
  policy.encode(view_of(x, tokens * heads, size), heads, apart);
  return apart;
}

// The rows as a cache reads them: values of the policy's codebook, what is kept apart, and turned back.
template <class Policy>
std::vector<float> read_back(const Policy& policy, const std::vector<float>& x) {
  const auto q = encode(policy, x);
  std::vector<float> back(x.size());
  for (std::size_t r = 0; r < q.rows(); ++r) {
    for (std::size_t c = 0; c < size; ++c) back[r * size + c] = q.group_of(r, c).value(policy.values()[q.codes()(r, c)]);
  }
  for (const kv_outlier& o : outliers_of(policy, x)) back[o.row * size + o.channel] += o.add;
  std::vector<float> row(size);
  for (std::size_t r = 0; r < q.rows(); ++r) {
    std::copy_n(back.begin() + static_cast<std::ptrdiff_t>(r * size), size, row.begin());
    policy.turn_back(view_of(row, 1, size), {back.data() + r * size, 1, size}, r % heads);
  }
  return back;
}

double error_of(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
  return sum / static_cast<double>(a.size());
}

}  // namespace

TEST_CASE("each step of KVQuant's ladder brings keys nearer", "[kv]") {
  const auto x = keys_of(1);
  const auto view = view_of(x, tokens, channels);
  const double by_channel = error_of(read_back(calibrate_keys<3>(view, heads, {.even = true}), x), x);
  const double book = error_of(read_back(calibrate_keys<3>(view, heads), x), x);
  const double outliers = error_of(read_back(calibrate_keys<3>(view, heads, {.outliers = 0.02}), x), x);
  CHECK(book < 0.6 * by_channel);
  CHECK(outliers < 0.5 * book);
}

TEST_CASE("keys by channel are nearer than keys by token", "[kv]") {
  const auto x = keys_of(3, 0);
  std::vector<float> by_token(x.size());
  fake_quantize<scheme<u3, per_token, with_bias<f16>, f16>>(view_of(x, tokens * heads, size),
                                                            matrix_view<float>(by_token.data(), tokens * heads, size));
  CHECK(error_of(read_back(calibrate_keys<3>(view_of(x, tokens, channels), heads, {.even = true}), x), x) < 0.5 * error_of(by_token, x));
}

TEST_CASE("and values", "[kv]") {
  const auto x = keys_of(5);
  const auto view = view_of(x, tokens, channels);
  const double even = error_of(read_back(calibrate_values<3>(view, heads, {.even = true}), x), x);
  const double book = error_of(read_back(calibrate_values<3>(view, heads), x), x);
  const double outliers = error_of(read_back(calibrate_values<3>(view, heads, {.outliers = 0.1}), x), x);
  CHECK(book < even);
  CHECK(outliers < book);
}

TEST_CASE("outliers are as many as asked for, and nearly exact", "[kv]") {
  const auto x = keys_of(9);
  const auto view = view_of(x, tokens, channels);
  const auto keys = calibrate_keys<2>(view, heads, {.outliers = 0.04});
  const auto apart = outliers_of(keys, x);
  CHECK(std::abs(static_cast<double>(apart.size()) / static_cast<double>(x.size()) - 0.04) < 0.005);
  const auto back = read_back(keys, x);
  bool near = true;
  for (const kv_outlier& o : apart) {
    const float exact = x[o.row * size + o.channel];
    near = near && std::abs(back[o.row * size + o.channel] - exact) <= 0.02f * std::max(1.0f, std::abs(exact));
  }
  CHECK(near);
  const auto values = calibrate_values<2>(view, heads, {.outliers = 2.0 / 63});
  CHECK(outliers_of(values, x).size() == 2 * tokens);
  CHECK(outliers_of(calibrate_keys<2>(view, heads), x).empty());
  CHECK(outliers_of(calibrate_values<2>(view, heads), x).empty());
}

TEST_CASE("no more are kept apart than there is room for", "[kv]") {
  const auto x = keys_of(9, 0.05);
  auto keys = calibrate_keys<2>(view_of(x, tokens, channels), heads, {.outliers = 0.1});
  const auto all = outliers_of(keys, x);
  const auto codes = encode(keys, x);
  keys.most_apart = 2;
  const auto few = outliers_of(keys, x);
  CHECK((codes == encode(keys, x)));
  const auto add_up = [](const std::vector<kv_outlier>& list, std::size_t token, bool above) {
    std::vector<float> farthest;
    for (const kv_outlier& o : list) {
      if (o.row / heads == token && (o.add > 0) == above) farthest.push_back(std::abs(o.add));
    }
    std::sort(farthest.rbegin(), farthest.rend());
    farthest.resize(std::min(farthest.size(), std::size_t{2}));
    return farthest;
  };
  bool same = few.size() < all.size(), in_order = true;
  for (std::size_t t = 0; t < tokens; ++t)
    same = same && add_up(few, t, true) == add_up(all, t, true) && add_up(few, t, false) == add_up(all, t, false);
  for (std::size_t i = 1; i < few.size(); ++i)
    in_order = in_order && few[i - 1].row * size + few[i - 1].channel < few[i].row * size + few[i].channel;
  CHECK(same);
  CHECK(in_order);
  CHECK(few.size() <= 4 * tokens);
}

TEST_CASE("importance is given by channel or by number", "[kv]") {
  const auto x = keys_of(31);
  const auto view = view_of(x, tokens, channels);
  std::vector<float> by_channel(channels), by_number(tokens * channels), early(tokens * channels);
  for (std::size_t c = 0; c < channels; ++c) by_channel[c] = static_cast<float>(c % 7);
  for (std::size_t i = 0; i < by_number.size(); ++i) {
    by_number[i] = by_channel[i % channels];
    early[i] = i / channels < tokens / 2 ? 1.0f : 0.0f;
  }
  CHECK(calibrate_keys<3>(view, heads, {.importance = by_channel}).book.places ==
        calibrate_keys<3>(view, heads, {.importance = by_number}).book.places);
  const auto values = calibrate_values<3>(view, heads, {.outliers = 0.1, .importance = early});
  CHECK(values.book.places == calibrate_values<3>(view.block(0, 0, tokens / 2, channels), heads, {.outliers = 0.1}).book.places);
}

TEST_CASE("turned queries and offsets give the products with keys", "[kv]") {
  const auto x = keys_of(13), queries = normal_numbers(size, 14);
  const auto keys = calibrate_keys<4, false>(view_of(x, tokens, channels), heads);
  const auto q = encode(keys, x);
  const auto back = read_back(keys, x);
  double worst = 0;
  for (std::size_t r = 0; r < 100; ++r) {
    std::vector<float> turned(size);
    keys.turn_query(view_of(queries, 1, size), {turned.data(), 1, size}, r % heads);
    double by_codes = 0, exact = 0;
    for (std::size_t c = 0; c < size; ++c) {
      by_codes += static_cast<double>(turned[c]) * static_cast<double>(keys.values()[q.codes()(r, c)]);
      by_codes += static_cast<double>(queries[c]) * static_cast<double>(keys.offsets(r % heads)[c]);
      exact += static_cast<double>(queries[c]) * static_cast<double>(back[r * size + c]);
    }
    worst = std::max(worst, std::abs(by_codes - exact));
  }
  CHECK(worst < 1e-3);
}

TEST_CASE("matched moments are those of the original numbers", "[kv]") {
  const auto x = keys_of(17);
  const auto view = view_of(x, tokens, channels);
  const auto plain = calibrate_keys<1>(view, heads, {.outliers = 0.02}),
             matched = calibrate_keys<1>(view, heads, {.outliers = 0.02, .match_moments = true});
  CHECK(plain.book.places == matched.book.places);
  CHECK(matched.book.values[0] < plain.book.values[0]);
  CHECK(matched.book.values[1] > plain.book.values[1]);
  CHECK(encode(plain, x) == encode(matched, x));
}

TEST_CASE("tokens are encoded alike alone and among others", "[kv]") {
  const auto x = keys_of(21);
  const auto view = view_of(x, tokens, channels), rows = view_of(x, tokens * heads, size);
  const auto keys = calibrate_keys<3>(view, heads, {.outliers = 0.02});
  const auto values = calibrate_values<3>(view, heads, {.outliers = 0.1});
  const auto k = encode(keys, x);
  const auto v = encode(values, x);
  bool same = true;
  for (std::size_t t = 0; t < 20; ++t) {
    const auto own = rows.block(t * heads, 0, heads, size);
    std::vector<kv_outlier> apart;
    const auto one_k = keys.encode(own, heads, apart);
    const auto one_v = values.encode(own, heads, apart);
    for (std::size_t i = 0; i < channels; ++i) {
      same = same && one_k.codes()(i / size, i % size) == k.codes()(t * heads + i / size, i % size);
      same = same && one_v.value(i / size, i % size) == v.value(t * heads + i / size, i % size);
    }
  }
  CHECK(same);
}

TEST_CASE("what KVQuant cannot do is an error", "[kv]") {
  auto x = keys_of(25);
  const auto view = view_of(x, tokens, channels), rows = view_of(x, tokens * heads, size);
  CHECK_THROWS_AS(calibrate_keys<2>(view, 3), error);
  CHECK_THROWS_AS(calibrate_keys<2>(view, heads, {.outliers = 1.0}), error);
  CHECK_THROWS_AS(calibrate_values<2>(view.block(0, 0, 0, channels), heads), error);
  const std::vector<float> too_few(3);
  CHECK_THROWS_AS(calibrate_keys<2>(view, heads, {.importance = too_few}), error);
  const auto keys = calibrate_keys<2>(view, heads);
  const auto values = calibrate_values<2>(view, heads, {.outliers = 0.1});
  std::vector<kv_outlier> apart;
  CHECK_THROWS_AS(keys.encode(rows, 1, apart), error);
  CHECK_THROWS_AS(keys.encode(rows.block(0, 0, 3, size), heads, apart), error);
  CHECK_THROWS_AS(values.encode(rows.block(0, 0, 3, size), heads, apart), error);
  CHECK_THROWS_AS(keys.width(16), error);
  CHECK_THROWS_AS((kvquant_keys<2>(1, {0.0f}, {0.0f}, false)), error);
  x[size + 3] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(calibrate_keys<2>(view, heads), error);
  CHECK_THROWS_AS(keys.encode(rows, heads, apart), error);
  const auto v = values.encode(rows, heads, apart);
  CHECK(is_nan(v.value(1, 0)));
  CHECK_FALSE(is_nan(v.value(0, 0)));
  // A channel of one number alone is exact where it keeps to it.
  const std::vector<float> flat(channels * 4, 2.5f);
  const auto exact = calibrate_keys<4, false>(view_of(flat, 4, channels), heads);
  CHECK(exact.offsets(1)[0] == 2.5f);
}
