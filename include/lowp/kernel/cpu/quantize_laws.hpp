// The laws of the quantizing kernels: on every instruction set, what they make is what lowp::quantize and lowp::dequantize make,
// bit for bit, and where one throws so does the other. Users run them on their own formats and schemes.
//
//   lowp::laws::quantizing<S>(lowp::matrix_view<const float>{w, rows, cols}, lowp::isa::x86_v4);
//   lowp::laws::dequantizing<lowp::bf16>(q, lowp::isa::x86_v4);
#pragma once

#include <lowp/kernel/cpu/dequantize.hpp>
#include <lowp/kernel/cpu/quantize.hpp>

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

namespace lowp::inline LOWP_ABI {

namespace detail {

template <class Work>
std::string error_of(Work&& work) {
#if LOWP_EXCEPTIONS
  try {
    work();
  } catch (const error& e) {
    return e.what();
  }
#else
  work();
#endif
  return {};
}

}  // namespace detail

namespace laws {

// The whole matrix at once, and in the three steps, its rows divided in two at `division`.
template <scheme_type S, class T, cpu::fast_recipe Recipe = recipe<>>
bool quantizing(matrix_view<T> w, isa version, std::size_t division = 0, const Recipe& r = {}) {
  if (!supports(version)) return true;
  quantized<S> expected;
  const std::string error = lowp::detail::error_of([&] { expected = lowp::quantize<S>(w, r); });
  quantized<S> actual;
  if (lowp::detail::error_of([&] { actual = cpu::quantize<S>(w, r, {.limit = version}); }) != error) return false;
  if (!error.empty()) return true;
  if (!(actual == expected)) return false;

  const grid_shape grid = actual.grid();
  std::vector<value_range> upper(grid.rows * grid.cols, lowp::detail::empty_range);
  std::vector<value_range> ranges = upper;
  cpu::measure<S>(w, std::span<value_range>(upper), {.last = division, .limit = version});
  cpu::measure<S>(w, std::span<value_range>(ranges), {.first = division, .limit = version});
  for (std::size_t i = 0; i < ranges.size(); ++i) ranges[i] = cpu::joined(upper[i], ranges[i]);
  quantized<S> in_steps(w.rows(), w.cols());
  cpu::fit(in_steps, std::span<const value_range>(ranges), r);
  cpu::encode(w, in_steps, {.first = division, .limit = version});
  cpu::encode(w, in_steps, {.last = division, .limit = version});
  return in_steps == expected;
}

// Numbers of the type T from q, and from q packed for the kernels where its groups let it; the rows divided in two. The sign of
// a NaN times a NaN is the compiler's choice.
template <class T, scheme_type S>
bool dequantizing(const quantized<S>& q, isa version, std::size_t division = 0) {
  if (!supports(version)) return true;
  const auto view = [&](std::vector<T>& numbers) { return matrix_view<T>{numbers.data(), q.rows(), q.cols()}; };
  std::vector<T> expected(q.rows() * q.cols());
  dequantize(q, view(expected));
  const auto agrees = [&](const auto& from) {
    std::vector<T> actual(expected.size());
    cpu::dequantize(from, view(actual), {.first = division, .limit = version});
    cpu::dequantize(from, view(actual), {.last = division, .limit = version});
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto a = static_cast<float>(actual[i]);
      const auto e = static_cast<float>(expected[i]);
      if (std::memcmp(&actual[i], &expected[i], sizeof(T)) != 0 && !(is_nan(a) && is_nan(e))) return false;
    }
    return true;
  };
  if (!agrees(q)) return false;
  if constexpr (rectangular_granularity<typename S::granularity> || S::granularity::weights_per_group != 0) {
    packed<S, layout::tile16> panels;
    const bool packs = lowp::detail::error_of([&] { panels = pack<layout::tile16>(q); }).empty();
    return !packs || agrees(panels);
  }
  return true;
}

}  // namespace laws
}  // namespace lowp::inline LOWP_ABI
