// Quantizing on the device, as phases that also run on the host: bit for bit the codes and scales of lowp::quantize with the recipe
// {absmax or min_max, Rounding, Rule}.
//
//   lowp::quantize_body<S, X, Rounding, Rule>::measure(block, a, shared, block_index, blocks);     // where S has a scale for all
//   lowp::quantize_body<S, X, Rounding, Rule>::finish(a);                                          // of the matrix: these first
//   lowp::quantize_body<S, X, Rounding, Rule>::quantize(block, a, shared, block_index, blocks);
//
// A group is the work of a team of threads, from one thread for eight numbers to the whole block; each takes eight numbers at a time.
#pragma once

#include <lowp/kernel/cuda/dequantize_fragment.hpp>
#include <lowp/kernel/cuda/encode_fragment.hpp>
#include <lowp/kernel/cuda/quantize_arguments.hpp>
#include <lowp/layout/swizzled_offset.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

namespace ptx {

// x / y, rounded once, denormals kept under every compiler flag.
LOWP_HD inline float divide(float x, float y) noexcept {
#if defined(__CUDA_ARCH__)
  float d = 0;
  asm("div.rn.f32 %0, %1, %2;" : "=f"(d) : "f"(x), "f"(y));
  return d;
#else
  return x / y;
#endif
}

}  // namespace ptx

template <device_quantizable S, class X, rounding_policy Rounding = nearest_even, class ScaleRule = default_scale>
struct quantize_body {
  using scheme = S;
  using arguments = quantize_arguments<S, X, Rounding>;
  using format = typename S::format;
  using granularity = typename S::granularity;
  using scale_type = typename S::scale;
  using rule = scale_rule_for<ScaleRule, S>;

  static constexpr int threads = 256;
  static constexpr std::size_t group_rows = granularity::rows_per_group;
  static constexpr std::size_t group_cols = granularity::cols_per_group;
  static constexpr bool two_level = !number_format<scale_type>;
  static constexpr bool needs_tensor = two_level || detail::whole_tensor<S>;
  static constexpr bool both_sides = S::has_zero;  // the range has two ends that matter

  // The smallest power of two of threads that takes a group at once, or the block.
  static constexpr int team = [] {
    constexpr std::size_t eights = group_rows * group_cols / 8;
    std::size_t t = 1;
    while (t + 1 <= eights && t <= 32) t *= 2;
    return group_cols == 0 || t > 32 ? threads : static_cast<int>(t);
  }();

  // The range of numbers as integers that compare alike; high beyond all numbers where one of them is no number.
  struct extent {
    std::int32_t low = 0x7fffffff;
    std::int32_t high = -0x7fffffff;

    LOWP_HD constexpr bool holds_nan() const noexcept { return high >= 0x7f800000; }
    LOWP_HD constexpr void join(const extent& other) noexcept {
      if (both_sides && other.low < low) low = other.low;
      if (other.high > high) high = other.high;
    }
    LOWP_HD constexpr value_range range() const noexcept {
      if (holds_nan()) return {quiet_nan(), quiet_nan()};
      if (!both_sides) return {-from_ordered(high), from_ordered(high)};
      return detail::fitting_range<S>(value_range{from_ordered(low), from_ordered(high)});
    }
  };
  static constexpr int shared_extents = threads / 32;

  // How many blocks have work.
  static std::size_t blocks_of(const arguments& a) noexcept { return ceil_div(groups_of(a), static_cast<std::size_t>(threads / team)); }

  template <class Block>
  LOWP_HD static void quantize(const Block& block, const arguments& a, extent* shared, std::size_t block_index, std::size_t blocks) {
    static_assert(Block::threads == threads);
    const grid_shape grid = granularity::grid(a.rows, a.cols);
    const std::size_t groups = groups_of(a);
    constexpr std::size_t per_block = threads / team;
    for (std::size_t first = block_index * per_block; first < groups; first += blocks * per_block) {
      if constexpr (detail::whole_tensor<S>) {
        block.each_thread([&](int t) { encode_group(a, strip(a, first), static_cast<std::size_t>(t), tensor_group(a)); });
      } else {
        typename Block::template per_thread<extent> found;
        block.each_thread([&](int t) { found[t] = look_through(a, area_of(a, grid, first + team_of(t), groups), member(t)); });
        join_team(block, found, shared);
        block.each_thread([&](int t) {
          const std::size_t g = first + team_of(t);
          const area place = area_of(a, grid, g, groups);
          if (place.rows == 0) return;
          encode_group(a, place, member(t), store_group(a, grid, {g / grid.cols, g % grid.cols}, found[t].range(), member(t) == 0));
        });
      }
    }
  }

  // The range of the whole matrix, or of the numbers that its groups will be scaled by, joined into *a.tensor.
  template <class Block>
  LOWP_HD static void measure(const Block& block, const arguments& a, extent* shared, std::size_t block_index, std::size_t blocks) {
    const grid_shape grid = granularity::grid(a.rows, a.cols);
    const std::size_t groups = groups_of(a);
    constexpr std::size_t per_block = threads / team;
    for (std::size_t first = block_index * per_block; first < groups; first += blocks * per_block) {
      typename Block::template per_thread<extent> found;
      block.each_thread([&](int t) {
        found[t] = look_through(a, detail::whole_tensor<S> ? strip(a, first) : area_of(a, grid, first + team_of(t), groups), member(t));
      });
      join_team(block, found, shared);
      block.each_thread([&](int t) {
        if (member(t) != 0 || first + team_of(t) >= groups) return;
        extent e = found[t];
        if constexpr (two_level) {
          if (e.holds_nan()) return;  // such a group has no part in the scale of scales
          const double number = detail::scale_numerator<S, rule>(e.range());
          e.high = ordered(number < 0x1p128 ? static_cast<float>(number) : limits<f32>.largest);
        }
        join_tensor(*a.tensor, e);
      });
    }
  }

  // By one thread, after measure: the scale of the whole matrix.
  LOWP_HD static void finish(const arguments& a) {
    tensor_range& t = *a.tensor;
    const extent e{t.low, t.high};
    if (a.rows == 0 || a.cols == 0) return;
    if constexpr (two_level) {
      using above = typename scale_type::scale;
      using above_rule = detail::parameter_rule<scale_type>;
      const double number = t.high > 0 ? static_cast<double>(from_ordered(t.high)) : 0.0;
      constexpr double divisor = detail::scale_divisor<S, rule>() * detail::scale_divisor<scale_type, above_rule>();
      const value_range r{0.0f, static_cast<float>(number)};
      t.scale_code = store_scale<above>(a, above_rule::quotient(detail::scale_numerator<scale_type, above_rule>(r), divisor),
                                        typename above_rule::rounding{});
    } else if constexpr (detail::whole_tensor<S>) {
      store_group(a, {1, 1}, {0, 0}, e.range(), true);
    }
  }

 private:
  // A rectangle of numbers.
  struct area {
    std::size_t row;
    std::size_t col;
    std::size_t rows;
    std::size_t cols;
  };

  LOWP_HD static constexpr std::size_t team_of(int thread) noexcept { return static_cast<std::size_t>(thread / team); }
  LOWP_HD static constexpr std::size_t member(int thread) noexcept { return static_cast<std::size_t>(thread % team); }

  LOWP_HD static area area_of(const arguments& a, grid_shape grid, std::size_t g, std::size_t groups) noexcept {
    if (g >= groups) return {0, 0, 0, 0};
    const std::size_t row = g / grid.cols * group_rows;
    const std::size_t col = g % grid.cols * group_cols;
    return {row, col, at_most(group_rows, a.rows - row), group_cols == 0 ? a.cols : at_most(group_cols, a.cols - col)};
  }

  LOWP_HD static std::size_t groups_of(const arguments& a) noexcept {
    const grid_shape grid = granularity::grid(a.rows, a.cols);
    return detail::whole_tensor<S> ? strips(a) : grid.rows * grid.cols;
  }

  // A matrix with one scale is worked on in strips of a row.
  static constexpr std::size_t strip_cols = 8 * threads;
  LOWP_HD static std::size_t strips(const arguments& a) noexcept { return a.rows * ceil_div(a.cols, strip_cols); }
  LOWP_HD static area strip(const arguments& a, std::size_t i) noexcept {
    const std::size_t in_row = ceil_div(a.cols, strip_cols);
    const std::size_t col = i % in_row * strip_cols;
    return {i / in_row, col, 1, at_most(strip_cols, a.cols - col)};
  }

  LOWP_HD static constexpr std::size_t at_most(std::size_t limit, std::size_t n) noexcept { return n < limit ? n : limit; }

  // Calls f(row, first column, how many) for the stretches of up to eight numbers that are this member's.
  template <class F>
  LOWP_HD static void visit(const area& place, std::size_t member, F&& f) {
    const std::size_t in_row = ceil_div(place.cols, std::size_t{8});
    for (std::size_t i = member; i < in_row * place.rows; i += static_cast<std::size_t>(team)) {
      const std::size_t row = place.rows == 1 ? 0 : i / in_row;
      const std::size_t col = (i - row * in_row) * 8;
      f(place.row + row, place.col + col, at_most(8, place.cols - col));
    }
  }

  LOWP_HD static fragment<f32> load(const arguments& a, std::size_t row, std::size_t col, std::size_t count) {
    const X* const p = a.x + row * (a.x_stride != 0 ? a.x_stride : a.cols) + col;
    fragment<f32> x{};
#if defined(__CUDA_ARCH__)
    if (count == 8 && reinterpret_cast<std::uintptr_t>(p) % 16 == 0) {
      if constexpr (sizeof(X) == 4) {
        const float4 v = reinterpret_cast<const float4*>(p)[0];
        const float4 w = reinterpret_cast<const float4*>(p)[1];
        return {bits(v.x), bits(v.y), bits(v.z), bits(v.w), bits(w.x), bits(w.y), bits(w.z), bits(w.w)};
      } else {
        const uint4 v = *reinterpret_cast<const uint4*>(p);
        return detail::recast<f32>(fragment<X>{v.x, v.y, v.z, v.w});
      }
    }
#endif
    for (std::size_t e = 0; e < 8; ++e) {
      if (e < count) x.reg[e] = bits(number(p[e]));
    }
    return x;
  }
  LOWP_HD static float number(float x) noexcept { return x; }
  template <ptx::packed_type T>
  LOWP_HD static float number(T x) noexcept {
    return ptx::widen<T>(x.code);
  }
  LOWP_HD static std::uint32_t bits(float x) noexcept { return bit_cast<std::uint32_t>(x); }

  LOWP_HD static extent look_through(const arguments& a, const area& place, std::size_t member) {
    extent e;
    visit(place, member, [&](std::size_t row, std::size_t col, std::size_t count) {
      const fragment<f32> x = load(a, row, col, count);
      for (std::size_t i = 0; i < 8; ++i) {
        if (i >= count) continue;
        const auto reach = static_cast<std::int32_t>(x.reg[i] & 0x7fffffffu);
        const std::int32_t order = !both_sides || reach >= 0x7f800000 ? reach : ordered(bit_cast<float>(x.reg[i]));
        e.join({order, order});
      }
    });
    return e;
  }

  template <class Block>
  LOWP_HD static void join_team(const Block& block, typename Block::template per_thread<extent>& found, extent* shared) {
    for (int mask = 1; mask < (team < 32 ? team : 32); mask *= 2) {
      typename Block::template per_thread<std::int32_t> low;
      typename Block::template per_thread<std::int32_t> high;
      block.each_thread([&](int t) {
        low[t] = found[t].low;
        high[t] = found[t].high;
      });
      if constexpr (both_sides) low = block.shuffle_xor(low, mask);
      high = block.shuffle_xor(high, mask);
      block.each_thread([&](int t) { found[t].join({low[t], high[t]}); });
    }
    if constexpr (team > 32) {
      block.barrier();
      block.each_thread([&](int t) {
        if (t % 32 == 0) shared[t / 32] = found[t];
      });
      block.barrier();
      block.each_thread([&](int t) {
        for (int w = 0; w < shared_extents; ++w) found[t].join(shared[w]);
      });
    }
  }

  LOWP_HD static void join_tensor(tensor_range& t, const extent& e) {
#if defined(__CUDA_ARCH__)
    if (both_sides) atomicMin(&t.low, e.low);
    atomicMax(&t.high, e.high);
#else
    if (both_sides && e.low < t.low) t.low = e.low;
    if (e.high > t.high) t.high = e.high;
#endif
  }

  LOWP_HD static float exact_scale(value_range r) noexcept {
    constexpr double divisor = detail::scale_divisor<S, rule>();
    constexpr auto single = static_cast<float>(divisor);
    if (is_nan(r.high)) return quiet_nan();
    if constexpr (std::same_as<rule, mx_floor> && std::same_as<scale_type, e8m0> && !S::has_zero) {
      constexpr auto lowered = static_cast<std::uint32_t>(floor_log2(limits<format>.reach));
      const std::uint32_t exponent = bits(r.reach()) >> 23;
      if (exponent > lowered) return bit_cast<float>((exponent - lowered) << 23);
    }
    if constexpr ((std::same_as<rule, range_scale> || std::same_as<rule, mx_rceil>)&&static_cast<double>(single) == divisor &&
                  divisor >= 1) {
      // A float divided by a float: no need for doubles.
      const float numerator = S::has_zero ? r.high - r.low : r.reach();
      if (is_finite(numerator)) {
        const float quotient = ptx::divide(numerator, single);
        return numerator > 0 && quotient == 0.0f ? from_ordered(1) : quotient;
      }
    }
    return rule::quotient(detail::scale_numerator<S, rule>(r), divisor);
  }

  // The code of a scale; says so where lowp::quantize would throw.
  template <number_format P, class R>
  LOWP_HD static std::uint32_t store_scale(const arguments& a, float scale, R rounding) {
    if (is_nan(scale) ? !limits<P>.has_nan : detail::overflows<P>(scale, rounding)) saturated(a);
    return detail::encode_scale<P>(scale, rounding);
  }
  LOWP_HD static void saturated(const arguments& a) {
    if (a.tensor != nullptr) a.tensor->saturated = 1;
  }

  // Scale and zero point of a group from its range, as they read back; stored by one of the team.
  LOWP_HD static affine<S> store_group(const arguments& a, grid_shape grid, grid_position g, value_range r, bool store) {
    const float scale = exact_scale(r);
    affine<S> group;
    std::uint32_t code = 0;
    if constexpr (two_level) {
      using number = typename scale_type::format;
      affine<scale_type> above;
      above.scale = ptx::widen<typename scale_type::scale>(a.tensor->scale_code);
      code = is_nan(scale) ? encode<number>(scale) : above.encode(scale, typename rule::rounding{});
      if (ordered(scale) > 0 && !is_nan(scale) && ordered(above.decode(code)) <= 0) {
        constexpr auto smallest = detail::smallest_positive_code<number>();
        code = encode<number>(round_to<number>(0.0f) + decode<number>(smallest));
      }
      if (is_nan(scale) && !limits<number>.has_nan) saturated(a);
      group.scale = above.decode(code);
    } else {
      code = store_scale<scale_type>(a, scale, typename rule::rounding{});
      group.scale = ptx::widen<scale_type>(code);
    }
    if (detail::whole_tensor<S>) a.tensor->scale_code = code;
    if (store && a.scales != nullptr) {
      const std::size_t at = a.swizzled ? layout::swizzled_offset(g.row, g.col, grid.cols) : g.row * grid.cols + g.col;
      a.scales[at] = static_cast<typename detail::stored_as<scale_type>::type>(code);
    }
    if constexpr (S::has_zero) {
      using Z = typename S::zero;
      const float zero = detail::zero_point<S>(r, group.scale);
      if constexpr (S::has_added_term) {
        if (detail::overflows<Z>(magnitude(zero), nearest_even{})) saturated(a);
      }
      const std::uint32_t zero_code = encode<Z>(zero);
      group.zero = ptx::widen<Z>(zero_code);
      if (detail::whole_tensor<S>) a.tensor->zero_code = zero_code;
      if (store && a.zeros != nullptr) a.zeros[g.row * grid.cols + g.col] = static_cast<code_t<Z>>(zero_code);
    }
    return group;
  }

  LOWP_HD static affine<S> tensor_group(const arguments& a) {
    affine<S> group;
    if constexpr (detail::whole_tensor<S>) {
      group.scale = ptx::widen<scale_type>(a.tensor->scale_code);
      if constexpr (S::has_zero) group.zero = ptx::widen<typename S::zero>(a.tensor->zero_code);
    }
    return group;
  }

  LOWP_HD static void encode_group(const arguments& a, const area& place, std::size_t member, const affine<S>& group) {
    const std::size_t stride = a.row_stride != 0 ? a.row_stride : ceil_div(a.cols * format::bits, std::size_t{8});
    visit(place, member, [&](std::size_t row, std::size_t col, std::size_t count) {
      const fragment<f32> x = load(a, row, col, count);
      store_codes(a.codes + row * stride + col / 8 * format::bits, codes_of(group, x, row * a.cols + col, a.rounding), count);
    });
  }

  LOWP_HD static packed_run<format> codes_of(const affine<S>& group, const fragment<f32>& x, std::size_t index, const Rounding& rounding) {
    if (is_nan(group.scale)) return encode_fragment<format>(fragment<f32>{});
    if constexpr (!S::has_zero) {
      fragment<f32> ratio{};
      // Of powers of two, the inverse is exact, and so is what it gives. A scale of zero stands for zeros.
      const float inverse = std::same_as<scale_type, e8m0> ? ptx::divide(1.0f, group.scale) : 0.0f;
      for (int e = 0; e < 8; ++e) {
        const auto number = bit_cast<float>(x.reg[e]);
        const float exact = std::same_as<scale_type, e8m0> ? number * inverse : ptx::divide(number, group.scale);
        ratio.reg[e] = bits(group.scale == 0.0f ? 0.0f : exact);
      }
      return encode_fragment<format>(ratio, rounding, index);
    } else {
      packed_run<format> run = 0;
      for (int e = 0; e < 8; ++e) {
        const auto r = detail::rounding_at(rounding, index + static_cast<std::size_t>(e));
        run |= static_cast<packed_run<format>>(group.encode(bit_cast<float>(x.reg[e]), r)) << (format::bits * e);
      }
      return run;
    }
  }

  // The first `count` codes; what is left of the last byte is zero.
  LOWP_HD static void store_codes(std::uint8_t* p, std::uint64_t run, std::size_t count) {
    if (count < 8) run &= (std::uint64_t{1} << (static_cast<std::size_t>(format::bits) * count)) - 1;
#if defined(__CUDA_ARCH__)
    if (count == 8 && format::bits % 4 == 0 && reinterpret_cast<std::uintptr_t>(p) % format::bits == 0) {
      if (format::bits == 4) *reinterpret_cast<std::uint32_t*>(p) = static_cast<std::uint32_t>(run);
      else *reinterpret_cast<std::uint64_t*>(p) = run;
      return;
    }
#endif
    const std::size_t bytes = ceil_div(count * format::bits, std::size_t{8});
    for (std::size_t i = 0; i < bytes; ++i) p[i] = static_cast<std::uint8_t>(run >> (8 * i));
  }
};

}  // namespace lowp::inline LOWP_ABI
