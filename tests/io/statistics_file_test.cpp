#include <lowp/algorithm/hessian.hpp>
#include <lowp/algorithm/statistics.hpp>
#include <lowp/io/statistics_file.hpp>

#include "error_message.hpp"
#include "temporary_directory.hpp"

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace {

constexpr std::size_t tokens = 40, features = 9;

// A file of two channels, and what is refused of it after `change`.
struct channels {
  std::vector<std::uint64_t> samples{3};
  std::vector<double> magnitudes{2, 3}, squares{2, 5};
  std::vector<float> absmax{1, 2}, low{-1, 0}, high{0.5f, 2};
};
template <class Change>
std::string refusal(Change&& change) {
  const temporary_directory folder;
  channels c;
  change(c);
  lowp::safetensors_writer out(folder / "s");
  out.metadata("format", "lowp.statistics");
  const auto each = [&](auto&& f) {
    f("a.magnitudes", c.magnitudes), f("a.squares", c.squares), f("a.samples", c.samples);
    f("a.absmax", c.absmax), f("a.low", c.low), f("a.high", c.high);
  };
  each([&]<class Number>(const char* name, const std::vector<Number>& numbers) {
    out.declare(name, lowp::detail::number_dtype<Number>, {numbers.size()});
  });
  each([&](const char* name, const auto& numbers) { out.write(name, std::as_bytes(std::span(numbers))); });
  out.commit();
  const lowp::statistics_file file(folder / "s");
  return error_message([&] { file.load<lowp::channel_statistics>("a"); });
}

}  // namespace

TEST_CASE("statistics come back from a file as they were, and go on from there", "[io]") {
  const temporary_directory folder;
  const auto x = normal_numbers(tokens * features, 3);
  const auto view = view_of(x, tokens, features);
  lowp::channel_statistics stats(features), unseen(features);
  lowp::hessian h(features);
  lowp::hessian_f32 narrow(features);
  lowp::magnitude_histogram histogram;
  stats.add(view), h.add(view), narrow.add(view), histogram.add(view);
  lowp::statistics_writer out(folder / "statistics.safetensors");
  out.add("first", stats);
  out.add("first", h);
  out.add("first", histogram);
  out.add("second", narrow);
  out.add("second", unseen);
  out.commit();

  const lowp::statistics_file file(folder / "statistics.safetensors");
  CHECK(file.holds<lowp::hessian>("first"));
  CHECK(file.holds<lowp::channel_statistics>("second"));
  CHECK_FALSE(file.holds<lowp::magnitude_histogram>("second"));
  CHECK_FALSE(file.holds<lowp::hessian>("third"));
  auto loaded = file.load<lowp::channel_statistics>("first");
  CHECK(loaded.samples() == tokens);
  CHECK(loaded.mean_square() == stats.mean_square());
  CHECK(loaded.mean_magnitude() == stats.mean_magnitude());
  for (std::size_t c = 0; c < features; ++c) {
    CHECK(loaded.absmax()[c] == stats.absmax()[c]);
    CHECK(loaded.low()[c] == stats.low()[c]);
    CHECK(loaded.high()[c] == stats.high()[c]);
  }
  CHECK(file.load<lowp::channel_statistics>("second").samples() == 0);
  CHECK(file.load<lowp::magnitude_histogram>("first").percentile(90) == histogram.percentile(90));
  auto again = file.load<lowp::hessian>("first");
  again.add(view), h.add(view);
  CHECK(again.samples() == 2 * tokens);
  for (std::size_t i = 0; i < features * features; ++i) {
    REQUIRE(again.view().data()[i] == h.view().data()[i]);
    REQUIRE(file.load<lowp::hessian_f32>("second").sums().data()[i] == narrow.sums().data()[i]);
  }
  CHECK(contains(error_message([&] { file.load<lowp::hessian>("second"); }), "'second.hessian' is of type F32, not F64"));
  CHECK(contains(error_message([&] { file.load<lowp::hessian>("third"); }), "no tensor 'third.hessian_samples'"));
  CHECK(contains(error_message([&] {
                   lowp::statistics_writer twice(folder / "twice");
                   twice.add("a", histogram);
                   twice.add("a", histogram);
                   twice.commit();
                 }),
                 "a.histogram"));
  CHECK(folder.files() == 1);
}

TEST_CASE("statistics that no data can have given are refused", "[io]") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  const auto of_channel = [](const std::string& why) { return contains(why, "no data of 3 samples can have given channel 1 of 'a'"); };
  CHECK(refusal([](channels&) {}).empty());
  CHECK(of_channel(refusal([&](channels& c) { c.absmax[1] = nan; })));
  CHECK(of_channel(refusal([](channels& c) { c.absmax[1] = -2; })));
  CHECK(of_channel(refusal([](channels& c) { c.absmax[1] = lowp::infinity(); })));
  CHECK(of_channel(refusal([](channels& c) { c.low[1] = 3; })));
  CHECK(of_channel(refusal([](channels& c) { c.low[1] = -3; })));
  CHECK(of_channel(refusal([&](channels& c) { c.high[1] = nan; })));
  CHECK(of_channel(refusal([](channels& c) { c.squares[1] = -1; })));
  CHECK(of_channel(refusal([](channels& c) { c.magnitudes[1] = std::numeric_limits<double>::infinity(); })));
  CHECK(contains(refusal([](channels& c) { c.samples[0] = 0; }), "no data of 0 samples"));
  CHECK(contains(refusal([](channels& c) { c.samples[0] = ~std::uint64_t{0}; }), "more than 2^53"));
  CHECK(contains(refusal([](channels& c) { c.samples.clear(); }), "'a.samples' has 0 elements, not 1"));
  CHECK(contains(refusal([](channels& c) { c.low.pop_back(); }), "'a.low' has 1 elements, not 2"));
  CHECK(contains(refusal([](channels& c) { c.squares.push_back(1); }), "'a.squares' has 3 elements, not 2"));

  const temporary_directory folder;
  const auto of_hessian = [&](std::vector<double> sums, std::vector<std::uint64_t> shape, std::uint64_t samples = 5) {
    lowp::safetensors_writer out(folder / "h");
    out.metadata("format", "lowp.statistics");
    out.declare("a.hessian", lowp::dtype::f64, shape);
    out.declare("a.hessian_samples", lowp::dtype::u64, {1});
    out.write("a.hessian", std::as_bytes(std::span(sums)));
    out.write("a.hessian_samples", std::as_bytes(std::span(&samples, 1)));
    out.commit();
    return error_message([&] { lowp::statistics_file(folder / "h").load<lowp::hessian>("a"); });
  };
  CHECK(of_hessian({2, 0, 1, 2}, {2, 2}).empty());
  CHECK(contains(of_hessian({2, 0, 1, 2}, {4}), "no square matrix"));
  CHECK(contains(of_hessian({2, 0, 1, 2}, {1, 4}), "no square matrix"));
  CHECK(contains(of_hessian({2, 0, 1, -2}, {2, 2}), "row 1 of 'a'"));
  CHECK(contains(of_hessian({2, 0, static_cast<double>(nan), 2}, {2, 2}), "row 1 of 'a'"));
  CHECK(contains(of_hessian({2, 0, 1, 2}, {2, 2}, 0), "no data of 0 samples"));
  {
    std::vector<std::uint64_t> counts(lowp::magnitude_histogram::bins);
    counts[3] = counts[4] = ~std::uint64_t{0} / 2 + 1;
    lowp::safetensors_writer out(folder / "c");
    out.metadata("format", "lowp.statistics");
    out.declare("a.histogram", lowp::dtype::u64, {counts.size()});
    out.write("a.histogram", std::as_bytes(std::span(counts)));
    out.commit();
    CHECK(contains(error_message([&] { lowp::statistics_file(folder / "c").load<lowp::magnitude_histogram>("a"); }), "bin 4 of 'a'"));
    lowp::safetensors_writer(folder / "p").commit();
    CHECK(contains(error_message([&] { const lowp::statistics_file file(folder / "p"); }), "holds no statistics"));
  }
}
