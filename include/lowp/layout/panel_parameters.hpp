// Scales and zero points in the order in which kernels over panels of rows read them: [panel][group][row of the panel].
//
// They stay in codes: those of the scheme's own scale format; for scales that are quantized under one scale of the whole tensor (NVFP4),
// the inner codes beside that one multiplier; for scales in groups along a row under plain scales (K-quants), the inner codes beside the
// upper ones. Parameters nested otherwise are read once, into f32.
//
//   lowp::panel_parameters<typename S::scale> scales(q.scales().view(), map);
#pragma once

#include <lowp/core/aligned.hpp>
#include <lowp/quantize/quantized.hpp>

#include <cstddef>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

namespace detail {

// The formats in which parameters are kept: their own, and that of the scales above them.
template <class P>
struct stream_formats {
  using type = f32;
  using upper = void;
  static constexpr std::size_t upper_groups = 1;
};
template <number_format P>
struct stream_formats<P> {
  using type = P;
  using upper = void;
  static constexpr std::size_t upper_groups = 1;
};
template <class F, class Scale>
struct stream_formats<scheme<F, per_tensor, symmetric, Scale>> {
  using type = F;
  using upper = void;
  static constexpr std::size_t upper_groups = 1;
};
template <class F, std::size_t N, number_format Scale>
struct stream_formats<scheme<F, per_group<N>, symmetric, Scale>> {
  using type = F;
  using upper = Scale;
  static constexpr std::size_t upper_groups = N;
};

// Throws lowp::error where the weights of a run of `width` columns do not share a group, as a granularity of one's own may have it.
template <granularity_policy G>
void require_runs(std::size_t rows, std::size_t cols, std::size_t width) {
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t col = 0; col < cols; ++col) {
      if (G::group_of(row, col, rows, cols) != G::group_of(row, col / width * width, rows, cols)) {
        LOWP_THROW("the weight (", row, ", ", col, ") is not in one group with the ", width,
                   " beside it, so rows cannot be packed side by side");
      }
    }
  }
}

}  // namespace detail

// The columns of a group along a row: groups [g * n, (g + 1) * n) of each row share parameters. Throws lowp::error where
// groups cross the ends of rows.
template <granularity_policy G>
constexpr std::size_t group_columns(std::size_t cols) {
  if constexpr (rectangular_granularity<G>) {
    return G::cols_per_group == 0 || G::cols_per_group > cols ? cols : G::cols_per_group;
  } else {
    constexpr std::size_t n = G::weights_per_group;
    static_assert(n > 0, "rows are packed side by side only where groups are rectangles or have a size of their own (weights_per_group)");
    if (cols != 0 && cols % n != 0 && n % cols != 0) {
      LOWP_THROW("groups of ", n, " weights cross the ends of rows of ", cols, ", so rows cannot be packed side by side");
    }
    return n < cols ? n : cols;
  }
}

// Parameters in panel order that lie in memory of somebody's own; see panel_parameters for what they are.
template <class P>
struct panel_parameter_view {
  using format = typename detail::stream_formats<P>::type;
  using upper = typename detail::stream_formats<P>::upper;
  static constexpr bool has_upper = !std::is_void_v<upper>;

  const code_t<format>* codes = nullptr;
  float multiplier = 1.0f;
  const code_t<std::conditional_t<has_upper, upper, format>>* upper_codes = nullptr;
  std::size_t upper_groups = 1;
};
template <>
struct panel_parameter_view<void> {};

template <class P>
class panel_parameters {
 public:
  using format = typename detail::stream_formats<P>::type;
  using upper = typename detail::stream_formats<P>::upper;  // void: none
  static constexpr bool nested = !number_format<P>;
  static constexpr bool has_upper = !std::is_void_v<upper>;
  static constexpr bool keeps_codes = !nested || has_upper || !std::is_same_v<format, f32>;

  panel_parameters() = default;

  // Parameters of weights [rows, cols] whose grid of parameters is `grid`, granularity G, panels of panel_rows rows.
  template <granularity_policy G>
  static panel_parameters make(G, const parameter_view<P>& grid, std::size_t rows, std::size_t cols, std::size_t panel_rows) {
    panel_parameters p;
    if constexpr (nested && keeps_codes && !has_upper) p.multiplier_ = rows * cols != 0 ? grid.scales.value(0, 0) : 1.0f;
    if constexpr (format::bits != 0) {
      const std::size_t width = group_columns<G>(cols);
      const std::size_t groups = width == 0 ? 0 : ceil_div(cols, width);
      p.codes_.resize(ceil_div(rows, panel_rows) * groups * panel_rows);
      if constexpr (!rectangular_granularity<G>) detail::require_runs<G>(rows, cols, width);
      for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t g = 0; g < groups; ++g) {
          const grid_position at = G::group_of(row, g * width, rows, cols);
          auto& code = p.codes_[(row / panel_rows * groups + g) * panel_rows + row % panel_rows];
          if constexpr (keeps_codes) code = grid.codes(at.row, at.col);
          else code = bit_cast<std::uint32_t>(grid.value(at.row, at.col));
        }
      }
      if constexpr (has_upper) p.take_upper(G{}, grid, rows, cols, panel_rows, width, groups);
    }
    return p;
  }

  // Codes of `format`, [panel][group][panel_rows]; null for a format of no bits. A parameter is multiplier() * its value, and that times
  // its upper scale's if there is one.
  const code_t<format>* codes() const noexcept { return codes_.data(); }
  float multiplier() const noexcept { return multiplier_; }

  // Codes of `upper`, [panel][groups / upper_groups(), rounded up][panel_rows].
  const auto* upper_codes() const noexcept
    requires has_upper
  {
    return upper_codes_.data();
  }
  std::size_t upper_groups() const noexcept { return upper_groups_; }

  // Valid while this object lives.
  panel_parameter_view<P> view() const noexcept { return {codes_.data(), multiplier_, upper_codes_.data(), upper_groups_}; }

 private:
  using upper_code = std::conditional_t<has_upper, upper, format>;

  template <granularity_policy G>
  void take_upper(G, const parameter_view<P>& grid, std::size_t rows, std::size_t cols, std::size_t panel_rows, std::size_t width,
                  std::size_t groups) {
    // Where a row begins inside an upper group, each group has its upper scale by itself.
    constexpr std::size_t together = detail::stream_formats<P>::upper_groups;
    upper_groups_ = rectangular_granularity<G> || groups % together == 0 ? together : 1;
    const std::size_t count = ceil_div(groups, upper_groups_);
    upper_codes_.resize(ceil_div(rows, panel_rows) * count * panel_rows);
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t i = 0; i < count; ++i) {
        const grid_position at = G::group_of(row, i * upper_groups_ * width, rows, cols);
        upper_codes_[(row / panel_rows * count + i) * panel_rows + row % panel_rows] = grid.scales.codes(at.row, at.col / together);
      }
    }
  }

  aligned_vector<code_t<format>> codes_;
  aligned_vector<code_t<upper_code>> upper_codes_;
  std::size_t upper_groups_ = 1;
  float multiplier_ = 1.0f;
};

// No parameters.
template <>
class panel_parameters<void> {
 public:
  panel_parameter_view<void> view() const noexcept { return {}; }
};

}  // namespace lowp::inline LOWP_ABI
