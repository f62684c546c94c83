// What an instruction set with dot products of bytes offers a product.
// Part of each instruction set's header, which includes it again with LOWP_TARGET set to its namespace; empty otherwise.
//
// Needs from that namespace, beyond loops/multiply_steps.hpp: sum_of_bytes, byte_columns<Kind>, byte_dot<Wide>, and
// dots_unsigned_bytes, whether byte_dot has one way for all unsigned bytes, so that no kind is a wide one.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

// Completes a product with weights in F, which are small integers.
template <number_format F, class Scale, class Zero, term Term, bool Grouped>
void choose_byte_kernels(narrow_product& a) {
  constexpr bool centred = Term == term::zero;
  constexpr byte_rule rule = byte_rule_of<F, centred>;
  constexpr byte_kind kind{rule.kind.bits, rule.kind.table, rule.kind.wide && !dots_unsigned_bytes, rule.kind.flip};
  a.table = code_bytes_of<F, centred>.value;
  a.sum = &sum_of_bytes;
  choose_step_kernels<byte_columns<kind>, byte_dot<kind.wide>, Scale, Zero, Term, Grouped>(a, code_centre<F>());
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
