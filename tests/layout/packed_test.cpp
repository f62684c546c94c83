// Packed matrices: pack, unpack, repack, and the parameters that kernels read panel by panel.

#include "../quantize/odd_schemes.hpp"

#include <lowp/layout/layouts.hpp>
#include <lowp/layout/packed.hpp>
#include <lowp/scheme/ggml_schemes.hpp>

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace layout = lowp::layout;

namespace {

// tile16 takes groups that lie within rows.
template <class S>
constexpr bool fits_panels(std::size_t cols) {
  using G = typename S::granularity;
  if constexpr (lowp::rectangular_granularity<G>) return true;
  else if constexpr (G::weights_per_group == 0) return false;
  else return cols % G::weights_per_group == 0 || G::weights_per_group % cols == 0;
}

template <class S>
constexpr bool panels_can_know = lowp::rectangular_granularity<typename S::granularity> || S::granularity::weights_per_group != 0;

// What the panel order says the parameter of the weight (row, col) is.
template <class P>
float parameter_at(const lowp::panel_parameters<P>& p, std::size_t row, std::size_t group, std::size_t groups) {
  using F = typename lowp::panel_parameters<P>::format;
  if constexpr (F::bits == 0) return lowp::decode<F>(0);
  if constexpr (lowp::panel_parameters<P>::has_upper) {
    const std::size_t uppers = (groups + p.upper_groups() - 1) / p.upper_groups();
    const auto upper = p.upper_codes()[(row / 16 * uppers + group / p.upper_groups()) * 16 + row % 16];
    return lowp::decode<typename lowp::panel_parameters<P>::upper>(upper) * lowp::decode<F>(p.codes()[(row / 16 * groups + group) * 16 + row % 16]);
  }
  else return p.multiplier() * lowp::decode<F>(p.codes()[(row / 16 * groups + group) * 16 + row % 16]);
}

template <class S>
std::size_t wrong_parameters(const lowp::quantized<S>& q) {
  const auto packed = lowp::pack<layout::tile16>(q);
  const std::size_t width = lowp::group_columns<typename S::granularity>(q.cols());
  const std::size_t groups = width == 0 ? 0 : (q.cols() + width - 1) / width;
  std::size_t wrong = 0;
  for (std::size_t r = 0; r < q.rows(); ++r) {
    for (std::size_t c = 0; c < q.cols(); ++c) {
      const auto group = q.group_of(r, c);
      wrong += parameter_at(packed.panel_scales(), r, c / width, groups) != group.scale;
      if constexpr (S::has_zero) wrong += parameter_at(packed.panel_zeros(), r, c / width, groups) != group.zero;
    }
  }
  return wrong;
}

}  // namespace

TEST_CASE("pack, unpack and repack give back every matrix", "[layout]") {
  odd::for_each_scheme([]<class S>(std::string_view name) {
    CAPTURE(std::string(name));
    for (const auto& [rows, cols] : {std::pair<std::size_t, std::size_t>{0, 0}, {0, 3}, {3, 0}, {1, 1}, {5, 7}, {17, 70}, {33, 128}}) {
      CAPTURE(rows, cols);
      const auto q = lowp::quantize<S>(view_of(normal_numbers(rows * cols, 71), rows, cols));
      const auto rows_packed = lowp::pack<layout::row_major>(q);
      CHECK(rows_packed.rows() == rows);
      CHECK(rows_packed.cols() == cols);
      CHECK(lowp::unpack(rows_packed) == q);
      if constexpr (panels_can_know<S>) {
        if (cols != 0 && !fits_panels<S>(cols)) continue;
        const auto tiles = lowp::repack<layout::tile16>(rows_packed);
        CHECK(lowp::unpack(tiles) == q);
        const auto again = lowp::repack<layout::row_major>(tiles);
        CHECK(std::vector<std::uint8_t>(again.bytes().begin(), again.bytes().end()) ==
              std::vector<std::uint8_t>(rows_packed.bytes().begin(), rows_packed.bytes().end()));
        CHECK(reinterpret_cast<std::uintptr_t>(tiles.bytes().data()) % 64 == 0);
      }
    }
  });
}

TEST_CASE("an empty packed matrix", "[layout]") {
  const lowp::packed<lowp::int4_g128, layout::tile16> none;
  CHECK(none.rows() == 0);
  CHECK(none.bytes().empty());
  CHECK(lowp::unpack(none) == lowp::quantized<lowp::int4_g128>());
}

TEST_CASE("the panels' parameters are those of each weight", "[layout]") {
  odd::for_each_scheme([]<class S>(std::string_view name) {
    if constexpr (panels_can_know<S>) {
      CAPTURE(std::string(name));
      for (const auto& [rows, cols] : {std::pair<std::size_t, std::size_t>{1, 1}, {5, 7}, {40, 280}, {16, 14}, {33, 256}}) {
        CAPTURE(rows, cols);
        if (!fits_panels<S>(cols)) continue;
        CHECK(wrong_parameters(lowp::quantize<S>(view_of(normal_numbers(rows * cols, 72), rows, cols))) == 0);
      }
    }
  });
}

TEST_CASE("panels of blocks, tensors and flat groups", "[layout]") {
  using tensor = lowp::scheme<lowp::i4, lowp::per_tensor, lowp::symmetric, lowp::f16>;
  using block = lowp::scheme<lowp::i4, lowp::per_block<5, 12>, lowp::symmetric, lowp::f16>;
  using flat12 = lowp::scheme<lowp::i4, lowp::per_flat_group<12>, lowp::symmetric, lowp::f16>;
  const auto w = normal_numbers(40 * 36, 73);
  CHECK(wrong_parameters(lowp::quantize<tensor>(view_of(w, 40, 36))) == 0);
  CHECK(wrong_parameters(lowp::quantize<block>(view_of(w, 40, 36))) == 0);
  CHECK(wrong_parameters(lowp::quantize<flat12>(view_of(w, 40, 36))) == 0);
  // Groups of whole rows: three rows of 4 share one.
  CHECK(wrong_parameters(lowp::quantize<flat12>(view_of(w, 360, 4))) == 0);
  CHECK(lowp::group_columns<lowp::per_tensor>(36) == 36);
  CHECK(lowp::group_columns<lowp::per_block<5, 12>>(36) == 12);
  CHECK(lowp::group_columns<lowp::per_block<5, 12>>(7) == 7);
  CHECK(lowp::group_columns<lowp::per_flat_group<12>>(36) == 12);
  CHECK(lowp::group_columns<lowp::per_flat_group<12>>(4) == 4);
  CHECK(lowp::group_columns<lowp::per_flat_group<12>>(0) == 0);

  // Groups that cross the ends of rows have no place in panels; row_major has no panels.
  const auto crossing = lowp::quantize<flat12>(view_of(w, 72, 20));
  CHECK_THROWS_AS(lowp::pack<layout::tile16>(crossing), lowp::error);
  CHECK(lowp::unpack(lowp::pack<layout::row_major>(crossing)) == crossing);
}

namespace {

// A granularity of one's own that says how large its groups are, but not that they are strided.
struct strided : odd::per_parity {
  static constexpr std::size_t weights_per_group = 4;
};

}  // namespace

TEST_CASE("a granularity whose groups are no runs cannot be packed in panels", "[layout]") {
  using S = lowp::scheme<lowp::i4, strided, lowp::symmetric, lowp::f16>;
  const auto q = lowp::quantize<S>(view_of(normal_numbers(64, 74), 8, 8));
  CHECK_THROWS_AS(lowp::pack<layout::tile16>(q), lowp::error);
  CHECK(lowp::unpack(lowp::pack<layout::row_major>(q)) == q);
}

TEST_CASE("scales under scales reach the panels as one multiplier, beside their upper scales, or as floats", "[layout]") {
  const auto w = normal_numbers(32 * 256, 75);
  const auto n = lowp::pack<layout::tile16>(lowp::quantize<lowp::nvfp4>(view_of(w, 32, 256)));
  CHECK(std::is_same_v<lowp::panel_parameters<lowp::nvfp4::scale>::format, lowp::e4m3>);
  CHECK(n.panel_scales().multiplier() == n.scales().scales().value(0, 0));
  CHECK(n.panel_scales().codes()[17] == n.scales().codes()(1, 1));
  const auto d = lowp::pack<layout::tile16>(lowp::quantize<lowp::nf4_double>(view_of(w, 32, 256)));
  CHECK(std::is_same_v<lowp::panel_parameters<lowp::nf4_double::scale>::format, lowp::f32>);
  CHECK(d.panel_scales().multiplier() == 1.0f);
  CHECK(lowp::bit_cast<float>(d.panel_scales().codes()[17]) == d.scales().value(1, 1));
  const auto k = lowp::pack<layout::tile16>(lowp::quantize<lowp::ggml::q4_k>(view_of(w, 32, 256)));
  CHECK(k.panel_scales().codes()[17] == k.scales().codes()(1, 1));
  CHECK(k.panel_scales().upper_codes()[17] == k.scales().scales().codes()(17, 0));
  CHECK(k.panel_scales().upper_groups() == 8);
  using unscaled = odd::unscaled;
  CHECK(lowp::pack<layout::tile16>(lowp::quantize<unscaled>(view_of(w, 32, 256))).panel_scales().codes() == nullptr);
}

TEST_CASE("bitsandbytes' bytes of a ramp", "[layout]") {
  std::vector<float> ramp(64);
  for (std::size_t i = 0; i < 64; ++i) ramp[i] = (static_cast<float>(11 * i % 64) - 29.0f) / 8.0f;
  const auto hex = [&]<class F>(F) {
    using S = lowp::scheme<F, lowp::per_flat_group<64>, lowp::symmetric, lowp::f32>;
    const auto packed = lowp::pack<layout::bitsandbytes>(lowp::quantize<S>(view_of(ramp, 1, 64)));
    std::string text;
    for (const std::uint8_t byte : packed.bytes()) {
      text += "0123456789abcdef"[byte >> 4];
      text += "0123456789abcdef"[byte & 15];
    }
    return text;
  };
  CHECK(hex(lowp::nf4{}) == "0258ce1259ce136adf137bdf147bef248ce1259ce136ade136adf147bef248be");
  CHECK(hex(lowp::bnb_fp4{}) == "bde652ade652ace753ac9423ac1423df642ade652ade653ac9723ac0423af142");
}

TEST_CASE("a quantized matrix passes through every checkpoint's layout", "[layout]") {
  const auto q = lowp::quantize<lowp::uint4_g128>(view_of(normal_numbers(64 * 256, 76), 64, 256));
  const auto through = [&]<class L>(L) {
    return lowp::unpack(lowp::repack<layout::tile16>(lowp::repack<L>(lowp::pack<layout::row_major>(q)))) == q;
  };
  CHECK(through(layout::gptq{}));
  CHECK(through(layout::awq{}));
  CHECK(through(layout::compressed_tensors{}));
  CHECK(through(layout::bitsandbytes{}));
  CHECK(through(layout::hqq<>{}));
  CHECK(through(layout::tinygemm<>{}));
  CHECK(through(layout::marlin{}));
  CHECK_THROWS_AS(lowp::pack<layout::awq>(lowp::quantize<lowp::uint4_g128>(view_of(normal_numbers(63 * 128, 77), 63, 128))), lowp::error);
}
