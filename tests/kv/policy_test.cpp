#include <lowp/format/laws.hpp>
#include <lowp/kernel/cpu/dequantize.hpp>
#include <lowp/kernel/cpu/gemm.hpp>
#include <lowp/kv/kivi.hpp>
#include <lowp/kv/qjl.hpp>
#include <lowp/kv/rotated.hpp>
#include <lowp/kv/turboquant.hpp>
#include <lowp/layout/packed.hpp>
#include <lowp/layout/tile16.hpp>
#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace {

using namespace lowp;

using int4 = scheme<i4, per_token, symmetric, f16>;
using int8 = scheme<i8, per_token, symmetric, f32>;

double dot(const float* a, const float* b, std::size_t n) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

struct result {
  std::vector<float> decoded, back, query;
};

// What a policy makes of keys and queries: decoded codes, rows read back, and turned queries.
template <class Policy>
result apply(const Policy& policy, const std::vector<float>& rows, const std::vector<float>& q, std::size_t size) {
  const std::size_t n = rows.size() / size, queries = q.size() / size, width = policy.width(size);
  const auto codes = policy.encode(view_of(rows, n, size), 1);
  CHECK(codes.rows() == n);
  CHECK(codes.cols() == width);
  result r{std::vector<float>(n * width), std::vector<float>(n * size), std::vector<float>(queries * width)};
  cpu::dequantize(codes, matrix_view<float>(r.decoded.data(), n, width));
  policy.turn_back({r.decoded.data(), n, width}, {r.back.data(), n, size}, 0);
  policy.turn_query(view_of(q, queries, size), {r.query.data(), queries, width}, 0);
  return r;
}

// Products of turned queries and decoded codes are those of queries and rows read back.
template <class Policy>
result check_products(const Policy& policy, std::size_t size) {
  const std::size_t n = 40, queries = 5, width = policy.width(size);
  const auto rows = normal_numbers(n * size, 1), q = normal_numbers(queries * size, 2);
  const result r = apply(policy, rows, q, size);
  double worst = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < queries; ++j) {
      worst = std::max(worst, std::abs(dot(r.query.data() + j * width, r.decoded.data() + i * width, width) -
                                       dot(q.data() + j * size, r.back.data() + i * size, size)));
    }
  }
  CHECK(worst < 1e-4 * static_cast<double>(size));
  return r;
}

double mean_squared_error(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
  return sum / static_cast<double>(a.size());
}

// One row as the policy reads it back, alone and among others.
template <class Policy>
void check_row_by_row(const Policy& policy, std::size_t size) {
  const auto rows = normal_numbers(7 * size, 3);
  const auto all = policy.encode(view_of(rows, 7, size), 1);
  bool same = true;
  for (std::size_t r = 0; r < 7; ++r) {
    const auto one = policy.encode(view_of(rows, 7, size).block(r, 0, 1, size), 1);
    for (std::size_t c = 0; c < all.cols(); ++c)
      same = same && one.codes()(0, c) == all.codes()(r, c) && one.value(0, c) == all.value(r, c);
  }
  CHECK(same);
}

}  // namespace

static_assert(laws::format<lloyd_max<1>>() && laws::format<lloyd_max<2>>() && laws::format<lloyd_max<3>>() && laws::format<lloyd_max<4>>());
static_assert(laws::format<codebook<1>>() && laws::format<codebook<2>>() && laws::format<codebook<4>>());
static_assert(decode<codebook<1>>(0) == -1 && decode<codebook<1>>(1) == 1 && decode<codebook<2>>(1) == -1.0f / 3);

TEST_CASE("each number of lloyd_max is the mean of a normal variable between its thresholds", "[kv]") {
  const auto check = []<int Bits>() {
    const auto density = [](double x) { return std::exp(-x * x / 2) / 2.5066282746310002; };
    const auto tail = [](double x) { return 0.5 * std::erfc(x / std::sqrt(2.0)); };
    const double infinity = std::numeric_limits<double>::infinity();
    for (std::uint32_t c = 0; c < (1u << Bits); ++c) {
      const double own = static_cast<double>(decode<lloyd_max<Bits>>(c));
      const double low = c == 0 ? -infinity : (own + static_cast<double>(decode<lloyd_max<Bits>>(c - 1))) / 2;
      const double high = c + 1 == (1u << Bits) ? infinity : (own + static_cast<double>(decode<lloyd_max<Bits>>(c + 1))) / 2;
      CHECK(std::abs((density(low) - density(high)) / (tail(low) - tail(high)) - own) < 1e-6);
    }
  };
  check.operator()<1>();
  check.operator()<2>();
  check.operator()<3>();
  check.operator()<4>();
}

TEST_CASE("rotated keys and values are read back, and products with them need no reading back", "[kv]") {
  for (const std::size_t size : {std::size_t{32}, std::size_t{96}, std::size_t{128}}) {
    const result plain = check_products(rotated<int8>(size), size);
    CHECK(mean_squared_error(plain.back, normal_numbers(40 * size, 1)) < 1e-4);
    check_products(rotated<int4>(size, 5), size);
    check_row_by_row(rotated<int4>(size, 5), size);
  }
  check_products(rotated<kivi_keys<4>>(64), 64);
  CHECK_THROWS_AS(rotated<int4>(37), error);
  CHECK_THROWS_AS(rotated<int4>(64).width(32), error);
  std::vector<float> x(64);
  CHECK_THROWS_AS(rotated<int4>(64).encode(view_of(x, 2, 32)), error);
}

TEST_CASE("a channel that stands out spoils a rotated row less than a plain one", "[kv]") {
  const std::size_t n = 100, size = 64;
  auto rows = normal_numbers(n * size, 4);
  for (std::size_t r = 0; r < n; ++r) rows[r * size + 5] *= 40;
  const result turned = apply(rotated<int4>(size), rows, rows, size);
  std::vector<float> plain(n * size);
  fake_quantize<int4>(view_of(rows, n, size), matrix_view<float>(plain.data(), n, size));
  CHECK(mean_squared_error(turned.back, rows) < 0.3 * mean_squared_error(plain, rows));
}

TEST_CASE("TurboQuant has the error that its tables promise", "[kv]") {
  const double promised[4] = {0.36338, 0.117482, 0.034548, 0.009501};
  const auto check = [&]<int Bits>() {
    const std::size_t n = 300, size = 128;
    auto rows = normal_numbers(n * size, 7);
    for (std::size_t r = 0; r < n; ++r) rows[r * size + r % size] += 3;
    const turboquant<Bits, f32> policy(size, 9);
    const result r = apply(policy, rows, rows, size);
    const double relative = mean_squared_error(r.back, rows) / mean_squared_error(rows, std::vector<float>(n * size));
    CHECK(relative < 1.05 * promised[Bits - 1]);
    CHECK(relative > 0.8 * promised[Bits - 1]);
  };
  check.operator()<1>();
  check.operator()<2>();
  check.operator()<3>();
  check.operator()<4>();
  check_products(turboquant<2>(64), 64);
  check_row_by_row(turboquant<3>(64), 64);
}

TEST_CASE("QJL's estimates are right on average, with the spread of its signs", "[kv]") {
  const std::size_t size = 64, n = 400;
  const auto rows = normal_numbers(n * size, 11), q = normal_numbers(size, 12);
  double sum = 0, squares = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const qjl<f32> policy(size, 128, seed);
    const result r = apply(policy, rows, q, size);
    for (std::size_t i = 0; i < n; ++i) {
      const double exact = dot(q.data(), rows.data() + i * size, size);
      const double length = std::sqrt(dot(q.data(), q.data(), size) * dot(rows.data() + i * size, rows.data() + i * size, size));
      const double error = (dot(r.query.data(), r.decoded.data() + i * 128, 128) - exact) / length;
      sum += error;
      squares += error * error;
    }
  }
  CHECK(std::abs(sum / (20.0 * static_cast<double>(n))) < 0.005);
  // Independent rows would give pi / 2 / m; orthogonal ones give less.
  CHECK(squares / (20.0 * static_cast<double>(n)) < 1.5707963 / 128);
  check_products(qjl<>(64, 96), 64);
  check_row_by_row(qjl<>(32, 64), 32);
  CHECK_THROWS_AS(qjl<>(64, 100), error);
  CHECK_THROWS_AS(qjl<>(64, 64).width(32), error);
}

TEST_CASE("the sketch of QJL has orthogonal rows of length sqrt(head size)", "[kv]") {
  const std::size_t size = 48, signs = 96;
  const qjl<> policy(size, signs, 3);
  std::vector<float> unit(size * size), columns(size * signs);
  for (std::size_t i = 0; i < size; ++i) unit[i * size + i] = 1;
  policy.turn_query(view_of(unit, size, size), {columns.data(), size, signs});
  const double factor = std::sqrt(1.5707963267948966) / static_cast<double>(signs);
  double worst = 0;
  for (std::size_t i = 0; i < signs; ++i) {
    for (std::size_t j = i / size * size; j < std::min(signs, i / size * size + size); ++j) {
      double product = 0;
      for (std::size_t c = 0; c < size; ++c)
        product += static_cast<double>(columns[c * signs + i]) * static_cast<double>(columns[c * signs + j]) / factor / factor;
      worst = std::max(worst, std::abs(product - (i == j ? static_cast<double>(size) : 0.0)));
    }
  }
  CHECK(worst < 1e-3);
}

TEST_CASE("one-bit codes are packed for the kernels", "[kv]") {
  const auto keys = normal_numbers(40 * 64, 21);
  const qjl<f32> policy(64, 96);
  const auto q = policy.encode(view_of(keys, 40, 64));
  const auto packed = pack<layout::tile16>(q);
  CHECK(unpack(packed) == q);
  std::vector<float> plain(40 * 96), fast(40 * 96);
  dequantize(q, matrix_view<float>(plain.data(), 40, 96));
  cpu::dequantize(packed, matrix_view<float>(fast.data(), 40, 96));
  CHECK(plain == fast);
  const auto queries = normal_numbers(3 * 96, 22);
  std::vector<float> products(3 * 40);
  gemm<compute::exact>(view_of(queries, 3, 96), packed, matrix_view<float>(products.data(), 3, 40));
  double worst = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 40; ++j)
      worst =
          std::max(worst, std::abs(static_cast<double>(products[i * 40 + j]) - dot(queries.data() + i * 96, plain.data() + j * 96, 96)));
  }
  CHECK(worst < 1e-3);
}

TEST_CASE("what is no number becomes no number", "[kv]") {
  std::vector<float> x(2 * 32, 1.0f);
  x[3] = std::numeric_limits<float>::quiet_NaN();
  const auto is_nan_row = [](const auto& q) { return is_nan(q.value(0, 0)) && !is_nan(q.value(1, 0)); };
  CHECK(is_nan_row(turboquant<4>(32).encode(view_of(x, 2, 32))));
  CHECK(is_nan_row(qjl<>(32, 32).encode(view_of(x, 2, 32))));
  CHECK(is_nan_row(rotated<int4>(32).encode(view_of(x, 2, 32))));
}
