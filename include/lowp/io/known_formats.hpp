// The formats that checkpoints use, by the name that each has in C++.
//
//   lowp::find_format("e4m3")->decode(0x7e) == 448.0f
//   lowp::known_format_name<lowp::e4m3> == "e4m3"
#pragma once

#include <lowp/core/half.hpp>
#include <lowp/format/codebook.hpp>
#include <lowp/format/dynamic_map.hpp>
#include <lowp/format/e8m0.hpp>
#include <lowp/format/ggml_formats.hpp>
#include <lowp/format/integer.hpp>
#include <lowp/format/minifloat.hpp>
#include <lowp/format/unit.hpp>

#include <cstdint>
#include <string_view>

namespace lowp::inline LOWP_ABI {

// Empty for formats that are none of them.
template <class F>
inline constexpr std::string_view known_format_name = "";

struct known_format {
  std::string_view name;
  int bits;
  float (*decode)(std::uint32_t code);
};

namespace detail {

template <class F>
constexpr known_format known_format_of(std::string_view name) noexcept {
  return {name, F::bits, [](std::uint32_t code) { return static_cast<float>(F::decode(code)); }};
}

}  // namespace detail

template <>
inline constexpr std::string_view known_format_name<integer<1, false>> = "u1";
template <>
inline constexpr std::string_view known_format_name<integer<2, false>> = "u2";
template <>
inline constexpr std::string_view known_format_name<integer<2, true>> = "i2";
template <>
inline constexpr std::string_view known_format_name<integer<3, false>> = "u3";
template <>
inline constexpr std::string_view known_format_name<integer<3, true>> = "i3";
template <>
inline constexpr std::string_view known_format_name<integer<4, false>> = "u4";
template <>
inline constexpr std::string_view known_format_name<integer<4, true>> = "i4";
template <>
inline constexpr std::string_view known_format_name<integer<5, false>> = "u5";
template <>
inline constexpr std::string_view known_format_name<integer<5, true>> = "i5";
template <>
inline constexpr std::string_view known_format_name<integer<6, false>> = "u6";
template <>
inline constexpr std::string_view known_format_name<integer<6, true>> = "i6";
template <>
inline constexpr std::string_view known_format_name<integer<7, false>> = "u7";
template <>
inline constexpr std::string_view known_format_name<integer<7, true>> = "i7";
template <>
inline constexpr std::string_view known_format_name<integer<8, false>> = "u8";
template <>
inline constexpr std::string_view known_format_name<integer<8, true>> = "i8";
template <>
inline constexpr std::string_view known_format_name<e4m3> = "e4m3";
template <>
inline constexpr std::string_view known_format_name<e5m2> = "e5m2";
template <>
inline constexpr std::string_view known_format_name<e4m3fnuz> = "e4m3fnuz";
template <>
inline constexpr std::string_view known_format_name<e5m2fnuz> = "e5m2fnuz";
template <>
inline constexpr std::string_view known_format_name<e3m2> = "e3m2";
template <>
inline constexpr std::string_view known_format_name<e2m3> = "e2m3";
template <>
inline constexpr std::string_view known_format_name<e2m1> = "e2m1";
template <>
inline constexpr std::string_view known_format_name<e8m0> = "e8m0";
template <>
inline constexpr std::string_view known_format_name<nf4> = "nf4";
template <>
inline constexpr std::string_view known_format_name<nf3> = "nf3";
template <>
inline constexpr std::string_view known_format_name<nf2> = "nf2";
template <>
inline constexpr std::string_view known_format_name<bnb_fp4> = "bnb_fp4";
template <>
inline constexpr std::string_view known_format_name<bnb_dynamic8> = "bnb_dynamic8";
template <>
inline constexpr std::string_view known_format_name<f16> = "f16";
template <>
inline constexpr std::string_view known_format_name<bf16> = "bf16";
template <>
inline constexpr std::string_view known_format_name<f32> = "f32";
template <>
inline constexpr std::string_view known_format_name<unit> = "unit";
template <>
inline constexpr std::string_view known_format_name<ggml::iq4_values> = "ggml::iq4_values";
template <>
inline constexpr std::string_view known_format_name<ggml::ternary> = "ggml::ternary";
template <>
inline constexpr std::string_view known_format_name<ggml::ue4m3> = "ggml::ue4m3";
template <>
inline constexpr std::string_view known_format_name<integer<8, true, 6>> = "integer<8, true, 6>";

inline constexpr known_format known_formats[] = {
    detail::known_format_of<integer<1, false>>("u1"),
    detail::known_format_of<integer<2, false>>("u2"),
    detail::known_format_of<integer<2, true>>("i2"),
    detail::known_format_of<integer<3, false>>("u3"),
    detail::known_format_of<integer<3, true>>("i3"),
    detail::known_format_of<integer<4, false>>("u4"),
    detail::known_format_of<integer<4, true>>("i4"),
    detail::known_format_of<integer<5, false>>("u5"),
    detail::known_format_of<integer<5, true>>("i5"),
    detail::known_format_of<integer<6, false>>("u6"),
    detail::known_format_of<integer<6, true>>("i6"),
    detail::known_format_of<integer<7, false>>("u7"),
    detail::known_format_of<integer<7, true>>("i7"),
    detail::known_format_of<integer<8, false>>("u8"),
    detail::known_format_of<integer<8, true>>("i8"),
    detail::known_format_of<e4m3>("e4m3"),
    detail::known_format_of<e5m2>("e5m2"),
    detail::known_format_of<e4m3fnuz>("e4m3fnuz"),
    detail::known_format_of<e5m2fnuz>("e5m2fnuz"),
    detail::known_format_of<e3m2>("e3m2"),
    detail::known_format_of<e2m3>("e2m3"),
    detail::known_format_of<e2m1>("e2m1"),
    detail::known_format_of<e8m0>("e8m0"),
    detail::known_format_of<nf4>("nf4"),
    detail::known_format_of<nf3>("nf3"),
    detail::known_format_of<nf2>("nf2"),
    detail::known_format_of<bnb_fp4>("bnb_fp4"),
    detail::known_format_of<bnb_dynamic8>("bnb_dynamic8"),
    detail::known_format_of<f16>("f16"),
    detail::known_format_of<bf16>("bf16"),
    detail::known_format_of<f32>("f32"),
    detail::known_format_of<unit>("unit"),
    detail::known_format_of<ggml::iq4_values>("ggml::iq4_values"),
    detail::known_format_of<ggml::ternary>("ggml::ternary"),
    detail::known_format_of<ggml::ue4m3>("ggml::ue4m3"),
    detail::known_format_of<integer<8, true, 6>>("integer<8, true, 6>"),
};

// The format of this name, or null.
constexpr const known_format* find_format(std::string_view name) noexcept {
  for (const known_format& format : known_formats) {
    if (format.name == name) return &format;
  }
  return nullptr;
}

}  // namespace lowp::inline LOWP_ABI
