// Where the scales of quantized keys or values are: what follows from a scheme over the matrix [tokens, head size] of a head.
//
//   kv_scaling<fp8_tensor>::granularity == kv_granularity::head             // one f32 a head, outside the pages
//   kv_scaling<nvfp4>::has_outer_scale                                      // the f32 above its e4m3 scales is one a head too
//   kv_scaling<scheme<u2, per_block<32, 1>, with_bias<f16>, f16>>::granularity == kv_granularity::channel
#pragma once

#include <lowp/format/unit.hpp>
#include <lowp/scheme/scheme.hpp>

#include <concepts>
#include <cstddef>
#include <type_traits>

namespace lowp::inline LOWP_ABI {

enum class kv_granularity {
  head,    // outside the pages, one f32 a head
  token,   // one a token
  group,   // several a token
  channel  // one a channel and group of tokens
};

namespace detail {

template <class P>
struct kv_parameter {
  static constexpr bool has_outer_scale = false;
  using format = P;
};
template <scheme_type P>
struct kv_parameter<P> {
  static_assert(std::same_as<typename P::granularity, per_tensor> && std::same_as<typename P::symmetry, symmetric> &&
                    std::same_as<typename P::scale, f32>,
                "the scales of a KV cache are plain numbers, or numbers under one f32 a head");
  static constexpr bool has_outer_scale = true;
  using format = typename P::format;
};
template <>
struct kv_parameter<void> {
  static constexpr bool has_outer_scale = false;
  using format = unit;
};

}  // namespace detail

template <scheme_type S>
struct kv_scaling {
  using scheme = S;
  using format = typename S::format;
  using granularity_policy = typename S::granularity;
  static_assert(rectangular_granularity<granularity_policy>, "the groups of a KV cache are rectangles of tokens and channels");
  static_assert(is_finite(decode<format>(0)), "code 0 stands for what is not there, so it must be a finite number");

  static constexpr std::size_t group_tokens = granularity_policy::rows_per_group;
  static constexpr std::size_t group_channels = granularity_policy::cols_per_group;
  static constexpr kv_granularity granularity = group_tokens == 0      ? kv_granularity::head
                                                : group_channels == 0  ? kv_granularity::token
                                                : group_tokens == 1    ? kv_granularity::group
                                                                       : kv_granularity::channel;
  static_assert(group_tokens != 0 || group_channels == 0, "scales by channel cover 32 tokens, not all of them: per_block<32, 1>");
  static_assert(granularity == kv_granularity::channel ? group_tokens == 32 && group_channels == 1 : group_tokens <= 1,
                "groups are a token, some channels of one, or 32 tokens of a channel");

  // A scale that scales in turn, or the only one, is an f32 outside the pages.
  static constexpr bool has_outer_scale = granularity == kv_granularity::head ? !std::same_as<typename S::scale, unit>
                                                                              : detail::kv_parameter<typename S::scale>::has_outer_scale;
  static_assert(granularity != kv_granularity::head ||
                    ((!S::has_zero) && (std::same_as<typename S::scale, f32> || std::same_as<typename S::scale, unit>)),
                "one scale a head is an f32, without a zero point");
  using scale_format =
      std::conditional_t<granularity == kv_granularity::head, unit, typename detail::kv_parameter<typename S::scale>::format>;
  using zero_format = typename detail::kv_parameter<typename S::zero>::format;
  static_assert(!detail::kv_parameter<typename S::zero>::has_outer_scale, "zero points are plain numbers");

  // The scheme by which tokens are quantized once they are divided by the scale outside the pages.
  using inner = lowp::scheme<format, granularity_policy, typename S::symmetry, scale_format>;
};

}  // namespace lowp::inline LOWP_ABI
