#include <lowp/kernel/cpu/hadamard.hpp>
#include <lowp/kernel/cpu/thread_executor.hpp>
#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cmath>
#include <cstddef>
#include <cstring>
#include <vector>

namespace {

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) { return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0; }

}  // namespace

TEST_CASE("the transform is the product with its matrix", "[kernel]") {
  for (const std::size_t n : {1u, 2u, 4u, 8u, 12u, 16u, 20u, 24u, 32u, 40u, 64u, 96u, 128u, 256u, 344u, 512u, 768u, 1024u, 1376u, 2048u}) {
    for (const bool random : {false, true}) {
      const lowp::hadamard_transform rotation(n, random ? std::optional<std::uint64_t>(7) : std::nullopt);
      const std::vector<float> x = normal_numbers(n, 3);
      std::vector<float> y = x;
      rotation(lowp::matrix_view<float>(y.data(), 1, n));
      double worst = 0;
      for (std::size_t i = 0; i < n; ++i) {
        double sum = 0;
        for (std::size_t j = 0; j < n; ++j) sum += static_cast<double>(rotation(i, j)) * static_cast<double>(x[j]);
        worst = std::max(worst, std::abs(sum - static_cast<double>(y[i])));
      }
      CAPTURE(n);
      CHECK(worst < 1e-5);
      rotation.inverse(lowp::matrix_view<float>(y.data(), 1, n));
      for (std::size_t i = 0; i < n; ++i) worst = std::max(worst, std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i])));
      CHECK(worst < 1e-5);
    }
  }
}

TEST_CASE("signs make a rotation another one", "[kernel]") {
  const lowp::hadamard_transform plain(64), first(64, 1), again(64, 1), second(64, 2);
  int minus = 0, differ = 0;
  for (std::size_t i = 0; i < 64; ++i) {
    minus += first(0, i) < 0;
    differ += first(0, i) != second(0, i);
    CHECK(plain(0, i) == 0.125f);
    CHECK(first(0, i) == again(0, i));
  }
  CHECK((minus > 16 && minus < 48));
  CHECK((differ > 16 && differ < 48));
}

TEST_CASE("rotations have the same bits on every instruction set and for any threads", "[kernel]") {
  for (const std::size_t n : {4u, 8u, 48u, 64u, 768u, 1376u, 4096u}) {
    const lowp::hadamard_transform rotation(n, 5);
    const std::size_t rows = 37;
    const std::vector<float> x = normal_numbers(rows * 2 * n, 11);
    std::vector<float> expected = x, back = x;
    rotation(lowp::matrix_view<float>(expected.data(), rows, 2 * n), {}, lowp::isa::portable);
    back = expected;
    rotation.inverse(lowp::matrix_view<float>(back.data(), rows, 2 * n), {}, lowp::isa::portable);
    lowp::for_each_isa([&](lowp::isa i) {
      std::vector<float> y = x;
      rotation(lowp::matrix_view<float>(y.data(), rows, 2 * n), {}, i);
      CAPTURE(n, static_cast<int>(i));
      CHECK(same_bits(y, expected));
      rotation.inverse(lowp::matrix_view<float>(y.data(), rows, 2 * n), {}, i);
      CHECK(same_bits(y, back));
    });
    std::vector<float> y = x;
    rotation(lowp::matrix_view<float>(y.data(), rows, 2 * n), lowp::thread_executor{3});
    CHECK(same_bits(y, expected));
  }
}

TEST_CASE("columns are rotated as rows of the transpose", "[kernel]") {
  const lowp::hadamard_transform rotation(24, 5);
  const std::vector<float> x = normal_numbers(24 * 7, 2);
  std::vector<float> by_rows(24 * 7), by_columns = x;
  for (std::size_t i = 0; i < x.size(); ++i) by_rows[i % 7 * 24 + i / 7] = x[i];
  rotation(lowp::matrix_view<float>(by_rows.data(), 7, 24));
  rotation(lowp::matrix_view<float>(by_columns.data(), 24, 7).transposed());
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(by_columns[i] == by_rows[i % 7 * 24 + i / 7]);
}

TEST_CASE("what cannot be rotated is an error", "[kernel]") {
  CHECK_THROWS_AS(lowp::hadamard_transform(0), lowp::error);
  CHECK_THROWS_AS(lowp::hadamard_transform(6), lowp::error);
  CHECK_THROWS_AS(lowp::hadamard_transform(92), lowp::error);
  const lowp::hadamard_transform rotation(8);
  std::vector<float> x(64);
  CHECK_THROWS_AS(rotation(lowp::matrix_view<float>(x.data(), 2, 12)), lowp::error);
  rotation(lowp::matrix_view<float>(x.data(), 0, 8));
  rotation(lowp::matrix_view<float>(x.data(), 3, 0));
}
