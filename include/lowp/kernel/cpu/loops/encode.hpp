// Sixteen numbers at a time to codes, and the range of a stretch of numbers.
// Part of each instruction set's quantizing header, which includes it again with LOWP_TARGET set to its namespace; empty otherwise.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

// The ends of a stretch of numbers: both magnitudes alike where only they matter, NaN where the stretch holds NaN or infinity.
template <bool BothEnds, class T>
LOWP_ALWAYS_INLINE value_range range_of(const T* p, std::size_t count) {
  const bits magnitude = every(0x7fffffffu);
  bits reach = every(0);
  vec low = splat(infinity());
  vec high = splat(-infinity());
  const auto include = [&](vec x) LOWP_INLINE_LAMBDA {
    reach = larger(reach, both(as_bits(x), magnitude));
    if constexpr (BothEnds) {
      low = minimum(low, x);
      high = maximum(high, x);
    }
  };
  for (; count >= 16; count -= 16, p += 16) include(read(p));
  if (count != 0) include(read_some(p, count, *p));
  const auto most = bit_cast<float>(static_cast<std::uint32_t>(largest(reach)));
  if (!is_finite(most)) return {quiet_nan(), quiet_nan()};
  if constexpr (BothEnds) return {smallest(low), largest(high)};
  else return {-most, most};
}

// The codes of quotients, in the low bits of each lane.
template <number_format F>
LOWP_ALWAYS_INLINE bits encode_minifloat(vec x) {
  using rule = minifloat_rule<F>;
  const bits u = as_bits(x);
  const bits a = both(u, every(0x7fffffffu));
  const bits within = smaller(a, every(rule::largest));
  const bits odd = both(shift_right<rule::dropped>(within), every(1));
  const bits normal = shift_right<rule::dropped>(sum(sum(within, every(rule::addend)), odd));
  const bits subnormal =
      difference(as_bits(add(as_floats(within), splat(rule::subnormal_grid))), every(bit_cast<std::uint32_t>(rule::subnormal_grid)));
  bits code = choose(above(every(rule::smallest_normal), within), subnormal, normal);
  bits sign = both(shift_right<32 - F::bits>(u), every(rule::sign));
  if constexpr (F::specials == special_values::fnuz) sign = choose(above(code, every(0)), sign, every(0));
  const bits nan = rule::nan_keeps_sign ? either(sign, every(rule::nan)) : every(rule::nan);
  return choose(above(a, every(0x7f800000u)), nan, either(code, sign));
}

// The position of the number nearest to each quotient.
template <number_format F>
LOWP_ALWAYS_INLINE bits search_level(vec x) {
  constexpr const search_table& table = search_table_of<F>;
  bits found = every(0);
  LOWP_UNROLL
  for (int step = 0; step < F::bits; ++step) {
    const vec threshold = step == 0 ? splat(table.at[0][0]) : look_up(table.at[step], found);
    found = double_and_count(found, not_at_most(x, threshold));
  }
  return found;
}

// Codes for the scale and zero point of one group.
template <scheme_type S>
class encoder {
  using F = typename S::format;
  static constexpr encoding how = encoding_of<F>;
  static constexpr bool shifts = std::is_same_v<typename S::symmetry, asymmetric>;  // an integer zero point, added after rounding

 public:
  static constexpr bool exists = how != encoding::scalar && (!shifts || how == encoding::integer);

  // Beside a bias or a minimum beyond this, a number may be too far away for their difference to be a float.
  static constexpr float farthest = 0x1p102f;

  // A bias or a minimum is a summand of the number, a zero point of the quotient.
  LOWP_ALWAYS_INLINE explicit encoder(const affine<S>& group)
      : scale_(splat(group.scale)), zero_(splat(S::has_bias ? -rounded(group.zero) : group.zero)) {
    if constexpr (how == encoding::integer) {
      low_ = splat(static_cast<float>(F::min) - (shifts ? group.zero : 0.0f));
      high_ = splat(static_cast<float>(F::max) - (shifts ? group.zero : 0.0f));
    }
  }

  LOWP_ALWAYS_INLINE byte_codes operator()(vec x) const {
    if constexpr (S::has_added_term) x = add(x, zero_);
    vec ratio = divide(x, scale_);
    if constexpr (S::has_zero && !S::has_added_term && !shifts) ratio = add(ratio, zero_);
    if constexpr (how == encoding::integer) {
      if constexpr (fraction_bits<F> != 0) ratio = multiply(ratio, splat(power_of_two(fraction_bits<F>)));
      bits code = round_to_integers(maximum(minimum(ratio, high_), low_));  // where minimum makes NaN the larger end
      if constexpr (shifts) code = sum(code, round_to_integers(zero_));
      if constexpr (F::bits < 8) code = both(code, every(low_mask(F::bits)));
      return low_bytes(code);
    } else if constexpr (how == encoding::minifloat) {
      return low_bytes(encode_minifloat<F>(ratio));
    } else {
      return look_up_bytes(search_table_of<F>.code, low_bytes(search_level<F>(ratio)));
    }
  }

 private:
  vec scale_;
  vec zero_;
  vec low_;
  vec high_;
};

template <scheme_type S, class T>
void encode_singly(const affine<S>& group, const T* p, std::size_t count, code_t<typename S::format>* codes) {
  for (std::size_t i = 0; i < count; ++i) codes[i] = group.encode(static_cast<float>(p[i]));
}

// The codes of a stretch of adjacent numbers of one group, as affine::encode gives them.
template <scheme_type S, class T>
LOWP_ALWAYS_INLINE void encode_stretch(const affine<S>& group, const T* p, std::size_t count, code_t<typename S::format>* codes) {
  using F = typename S::format;
  if (is_nan(group.scale) || group.scale == 0.0f) {
    const code_t<F> code = is_nan(group.scale) ? encode<F>(0.0f) : group.encode(0.0f);
    for (std::size_t i = 0; i < count; ++i) codes[i] = code;
    return;
  }
  if constexpr (encoder<S>::exists) {
    if (S::has_added_term && magnitude(group.zero) > encoder<S>::farthest) return encode_singly(group, p, count, codes);
    const encoder<S> encode(group);
    for (; count >= 16; count -= 16, p += 16, codes += 16) store(codes, encode(read(p)));
    if (count != 0) {
      alignas(16) std::uint8_t rest[16];
      store(rest, encode(read_some(p, count, *p)));
      for (std::size_t i = 0; i < count; ++i) codes[i] = rest[i];
    }
  } else {
    encode_singly(group, p, count, codes);
  }
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
