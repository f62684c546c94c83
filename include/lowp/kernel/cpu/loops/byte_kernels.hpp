// What an instruction set with dot products of bytes offers a product.
// Part of each instruction set's header, which includes it again with LOWP_TARGET set to its namespace; empty otherwise.
//
// Needs from that namespace, beyond loops/multiply_steps.hpp: sum_of_bytes, byte_columns<Kind>, byte_dot<Wide>, and dots_narrow_bytes,
// whether the quick way of byte_dot is for bytes up to 127 alone.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

// Completes a product with weights in F, which are small integers.
template <number_format F, number_format Scale, class Zero, bool Grouped>
void choose_byte_kernels(narrow_product& a) {
  constexpr bool zeros = !std::is_void_v<Zero>;
  constexpr byte_rule rule = byte_rule_of<F, zeros>;
  a.table = code_bytes_of<F, zeros>.value;
  a.sum = &sum_of_bytes;
  choose_step_kernels<byte_columns<rule.kind>, byte_dot<rule.kind.wide && dots_narrow_bytes>, Scale, Zero, Grouped>(a, code_centre<F>());
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
