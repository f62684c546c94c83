// Sixteen codes at a time to the numbers they stand for.
// Part of each instruction set's dequantizing header, which includes it again with LOWP_TARGET set to its namespace; empty otherwise.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

// The numbers of a stretch of codes of one group, as affine::decode gives them.
template <scheme_type S, class T>
LOWP_ALWAYS_INLINE void decode_stretch(const affine<S>& group, const code_t<typename S::format>* codes, std::size_t count, T* out) {
  using F = typename S::format;
  // A NaN's bits depend on how it was made.
  const bool numbers = !is_nan(group.scale) && !is_nan(group.zero);
  if constexpr (F::bits >= 1 && F::bits <= 8) {
    if (numbers) {
      const decoder<F> decode;
      const vec scale = splat(group.scale);
      const vec zero = splat(group.zero);
      const auto value = [&](const std::uint8_t* from) LOWP_INLINE_LAMBDA {
        const vec number = decode(from);
        if constexpr (S::has_zero) return multiply(scale, subtract(number, zero));
        else return multiply(scale, number);
      };
      for (; count >= 16; count -= 16, codes += 16, out += 16) write(out, value(codes));
      if (count != 0) {
        std::uint8_t some[16] = {};
        T rest[16];
        std::memcpy(some, codes, count);
        write(rest, value(some));
        std::memcpy(static_cast<void*>(out), rest, count * sizeof(T));
      }
      return;
    }
  }
  for (std::size_t i = 0; i < count; ++i) out[i] = T(group.decode(codes[i]));
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
