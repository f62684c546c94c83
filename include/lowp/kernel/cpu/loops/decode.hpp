// Sixteen codes at a time to the numbers they stand for.
// Part of each instruction set's dequantizing header, which includes it again with LOWP_TARGET set to its namespace; empty otherwise.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

template <table_format F>
constexpr bool all_finite() {
  for (std::uint32_t c = 0; c <= low_mask(F::bits); ++c) {
    if (!is_finite(decode<F>(c))) return false;
  }
  return true;
}

// The numbers of a stretch of codes of one group, as affine::decode gives them.
template <scheme_type S, class T>
LOWP_ALWAYS_INLINE void decode_stretch(const affine<S>& group, const code_t<typename S::format>* codes, std::size_t count, T* out) {
  using F = typename S::format;
  if constexpr (F::bits >= 1 && F::bits <= 8 && !S::has_added_term) {
    // The bits of a NaN depend on how it was made.
    if (is_finite(group.scale) && is_finite(group.zero)) {
      constexpr bool may_be_nan = S::has_zero || !all_finite<F>();
      const decoder<F> decode;
      const vec scale = splat(group.scale);
      const vec zero = splat(group.zero);
      const auto value = [&](const std::uint8_t* from) LOWP_INLINE_LAMBDA {
        const vec number = decode(from);
        if constexpr (S::has_zero) return multiply(scale, subtract(number, zero));
        else return multiply(scale, number);
      };
      for (; count >= 32; count -= 32, codes += 32, out += 32) write<may_be_nan>(out, value(codes), value(codes + 16));
      for (; count >= 16; count -= 16, codes += 16, out += 16) write<may_be_nan>(out, value(codes));
      if (count != 0) {
        std::uint8_t some[16] = {};
        T rest[16];
        std::memcpy(some, codes, count);
        write<may_be_nan>(rest, value(some));
        std::memcpy(static_cast<void*>(out), rest, count * sizeof(T));
      }
      return;
    }
  }
  for (std::size_t i = 0; i < count; ++i) out[i] = T(group.decode(codes[i]));
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
