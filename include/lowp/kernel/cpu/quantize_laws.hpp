// The law of the quantizing kernels: on every instruction set, what they make is what lowp::quantize makes, bit for bit, and
// where one throws so does the other. Users run it on their own formats and schemes.
//
//   lowp::laws::quantizing<S>(lowp::matrix_view<const float>{w, rows, cols}, lowp::isa::x86_v4);
#pragma once

#include <lowp/kernel/cpu/quantize.hpp>

#include <cstddef>
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
  if (lowp::detail::error_of([&] { actual = cpu::quantize<S>(w, r, version); }) != error) return false;
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

}  // namespace laws
}  // namespace lowp::inline LOWP_ABI
