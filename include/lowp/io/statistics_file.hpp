// What calibration data said of a model's layers, in a safetensors file: collected once, in shards or on another machine.
//
//   lowp::statistics_writer out("calibration.safetensors");
//   out.add("model.layers.0.mlp.down_proj", stats);              // lowp::channel_statistics, hessian or magnitude_histogram
//   out.add("model.layers.0.mlp.down_proj", h);
//   out.commit();
//
//   lowp::statistics_file file("calibration.safetensors");
//   auto h = file.load<lowp::hessian>("model.layers.0.mlp.down_proj");
//   h.merge(of_another_shard.load<lowp::hessian>("model.layers.0.mlp.down_proj"));
//
// Statistics are known here by what they offer: state(), sums() or counts(). Of a layer NAME there are
//
//   NAME.samples U64 [1], NAME.absmax, .low, .high F32 [n], NAME.magnitudes, .squares F64 [n]        channels
//   NAME.hessian_samples U64 [1], NAME.hessian F64 or F32 [n, n], of which the lower triangle counts
//   NAME.histogram U64 [bins]
#pragma once

#include <lowp/core/bits.hpp>
#include <lowp/core/matrix_view.hpp>
#include <lowp/io/safetensors_file.hpp>
#include <lowp/io/safetensors_writer.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI {

namespace detail {

template <class Statistics>
concept has_channel_state = requires(const Statistics& s) {
  s.state().absmax;
};
template <class Statistics>
concept has_product_sums = requires(const Statistics& s) {
  s.sums().rows();
};
template <class Statistics>
concept has_bin_counts = requires(const Statistics& s) {
  { s.counts() } -> std::convertible_to<std::span<const std::uint64_t>>;
};

template <class Number>
constexpr dtype number_dtype = std::is_same_v<Number, float>    ? dtype::f32
                               : std::is_same_v<Number, double> ? dtype::f64
                                                                : dtype::u64;

template <class Number>
using bits_of_size = std::conditional_t<sizeof(Number) == 4, std::uint32_t, std::uint64_t>;

constexpr bool is_finite_sum(float x) noexcept { return is_finite(x); }
constexpr bool is_finite_sum(double x) noexcept { return (bit_cast<std::uint64_t>(x) >> 52 & 0x7ff) != 0x7ff; }

}  // namespace detail

class statistics_writer {
 public:
  // Throws lowp::error if no file can be created beside `path`.
  explicit statistics_writer(std::string path) : file_(std::move(path)) { file_.metadata("format", "lowp.statistics"); }

  // Statistics of a layer, which must stay as they are until commit().
  template <detail::has_channel_state Channels>
  void add(const std::string& layer, const Channels& channels) {
    const auto& state = channels.state();
    add_count(layer + ".samples", state.samples);
    add_array<double>(layer + ".magnitudes", state.magnitudes);
    add_array<double>(layer + ".squares", state.squares);
    add_array<float>(layer + ".absmax", state.absmax);
    add_array<float>(layer + ".low", state.low);
    add_array<float>(layer + ".high", state.high);
  }
  template <detail::has_product_sums Hessian>
  void add(const std::string& layer, const Hessian& h) {
    const auto sums = h.sums();
    add_count(layer + ".hessian_samples", h.samples());
    add_array(layer + ".hessian", std::span(sums.data(), sums.rows() * sums.cols()), {sums.rows(), sums.cols()});
  }
  template <detail::has_bin_counts Histogram>
  void add(const std::string& layer, const Histogram& histogram) {
    add_array<std::uint64_t>(layer + ".histogram", histogram.counts());
  }

  // Writes all, and gives the file its name. Throws lowp::error if the same was added twice, or if the system cannot.
  void commit() {
    for (const bool wide : {true, false}) {
      for (const array& a : arrays_) {
        if (wide == (dtype_bits(a.type) == 64)) file_.declare(a.name, a.type, a.shape);
      }
    }
    for (const bool wide : {true, false}) {
      for (const array& a : arrays_) {
        if (wide == (dtype_bits(a.type) == 64)) file_.write(a.name, a.bytes);
      }
    }
    file_.commit();
  }

 private:
  struct array {
    std::string name;
    dtype type;
    std::vector<std::uint64_t> shape;
    std::span<const std::byte> bytes;
  };

  template <class Number>
  void add_array(std::string name, std::span<const Number> numbers, std::vector<std::uint64_t> shape = {}) {
    if (shape.empty()) shape = {numbers.size()};
    arrays_.push_back({std::move(name), detail::number_dtype<Number>, std::move(shape), std::as_bytes(numbers)});
  }
  void add_count(std::string name, std::size_t count) {
    counts_.push_back(count);
    add_array(std::move(name), std::span<const std::uint64_t>(&counts_.back(), 1));
  }

  safetensors_writer file_;
  std::vector<array> arrays_;
  std::deque<std::uint64_t> counts_;  // which stay where they are
};

class statistics_file {
 public:
  // Throws lowp::error unless it is a valid safetensors file of statistics.
  explicit statistics_file(const std::string& path) : file_(path) {
    const std::string* format = file_.find_metadata("format");
    if (format == nullptr || *format != "lowp.statistics") LOWP_THROW(path, " holds no statistics: its metadata do not say so");
  }

  // Whether there are such statistics of a layer.
  template <class Statistics>
  bool holds(const std::string& layer) const {
    if constexpr (detail::has_channel_state<Statistics>) return file_.find(layer + ".absmax") != nullptr;
    else if constexpr (detail::has_product_sums<Statistics>) return file_.find(layer + ".hessian") != nullptr;
    else return file_.find(layer + ".histogram") != nullptr;
  }

  // Throws lowp::error where they are missing, of other types or shapes, or what no data can have given: NaN, a negative
  // magnitude, sums without samples.
  template <detail::has_channel_state Channels>
  Channels load(const std::string& layer) const {
    std::remove_cvref_t<decltype(std::declval<const Channels&>().state())> state;
    state.samples = count(layer + ".samples");
    state.absmax = numbers<float>(layer + ".absmax");
    const std::size_t features = state.absmax.size();
    state.low = numbers<float>(layer + ".low", features);
    state.high = numbers<float>(layer + ".high", features);
    state.magnitudes = numbers<double>(layer + ".magnitudes", features);
    state.squares = numbers<double>(layer + ".squares", features);
    for (std::size_t c = 0; c < features; ++c) {
      const float most = state.absmax[c], low = state.low[c], high = state.high[c];
      bool possible = is_finite(most) && most >= 0;
      for (const double sum : {state.magnitudes[c], state.squares[c]}) possible = possible && detail::is_finite_sum(sum) && sum >= 0;
      if (state.samples != 0) possible = possible && is_finite(low) && is_finite(high) && low >= -most && low <= high && high <= most;
      else possible = possible && most == 0 && low == infinity() && high == -infinity() && state.magnitudes[c] + state.squares[c] == 0;
      if (!possible) refuse(layer, "channel", c, state.samples);
    }
    return Channels(std::move(state));
  }
  template <detail::has_product_sums Hessian>
  Hessian load(const std::string& layer) const {
    using view = decltype(std::declval<const Hessian&>().sums());
    using number = std::remove_cvref_t<decltype(*std::declval<view>().data())>;
    const std::size_t samples = count(layer + ".hessian_samples");
    const std::vector<number> sums = numbers<number>(layer + ".hessian");
    const std::vector<std::uint64_t>& shape = file_.at(layer + ".hessian").shape;
    if (shape.size() != 2 || shape[0] != shape[1])
      LOWP_THROW(file_.path(), ": the Hessian of ", detail::in_quotes(layer), " is no square matrix");
    const auto features = static_cast<std::size_t>(shape[0]);
    for (std::size_t i = 0; i < features; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        const number v = sums[i * features + j];
        if (!detail::is_finite_sum(v) || (i == j && v < 0) || (samples == 0 && v != 0)) refuse(layer, "row", i, samples);
      }
    }
    return Hessian(samples, view(sums.data(), features, features));
  }
  template <detail::has_bin_counts Histogram>
  Histogram load(const std::string& layer) const {
    std::vector<std::uint64_t> counts = numbers<std::uint64_t>(layer + ".histogram");
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const auto sum = checked_add(all, counts[i]);
      if (!sum) refuse(layer, "bin", i, all);
      all = *sum;
    }
    return Histogram(std::move(counts));
  }

 private:
  [[noreturn]] void refuse(const std::string& layer, const char* what, std::size_t index, std::uint64_t samples) const {
    LOWP_THROW(file_.path(), ": no data of ", samples, " samples can have given ", what, " ", index, " of ", detail::in_quotes(layer));
  }

  template <class Number>
  std::vector<Number> numbers(const std::string& name) const {
    const tensor_info& tensor = file_.at(name);
    if (tensor.dtype != detail::number_dtype<Number>) {
      LOWP_THROW(file_.path(), ": tensor ", detail::in_quotes(name), " is of type ", dtype_name(tensor.dtype), ", not ",
                 dtype_name(detail::number_dtype<Number>));
    }
    const std::span<const std::byte> bytes = file_.bytes(tensor);
    std::vector<Number> all(bytes.size() / sizeof(Number));
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = bit_cast<Number>(little_endian<detail::bits_of_size<Number>>(bytes, i));
    return all;
  }
  template <class Number>
  std::vector<Number> numbers(const std::string& name, std::size_t wanted) const {
    std::vector<Number> all = numbers<Number>(name);
    if (all.size() != wanted)
      LOWP_THROW(file_.path(), ": tensor ", detail::in_quotes(name), " has ", all.size(), " elements, not ", wanted);
    return all;
  }
  std::size_t count(const std::string& name) const {
    const std::uint64_t samples = numbers<std::uint64_t>(name, 1)[0];
    constexpr std::uint64_t most = std::uint64_t{1} << 53;
    if (samples > most) LOWP_THROW(file_.path(), ": ", samples, " samples of ", detail::in_quotes(name), " are more than 2^53");
    return static_cast<std::size_t>(samples);
  }

  safetensors_file file_;
};

}  // namespace lowp::inline LOWP_ABI
