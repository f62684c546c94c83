// The codes of four columns, put together from their planes.
// Part of each instruction set's header, which includes it again with LOWP_TARGET set to its namespace; empty otherwise.
//
// Needs from that namespace: bits; plane_of<Bits, Plane>(unit, c), a plane of the codes of step c in its place in each byte;
// select(mask, a, b), the bits of the mask from a and the others from b.
#if defined(LOWP_TARGET)
namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET {

// The codes of step c of a unit, in the bytes of each row's lane; bits above a code are not cleared.
template <int Bits, class Index>
LOWP_ALWAYS_INLINE bits step_codes(const std::uint8_t* unit, Index c) {
  constexpr auto planes = layout::tile16::planes<Bits>();
  bits codes = plane_of<Bits, 0>(unit, c);
  if constexpr (planes.size() > 1) codes = select(low_mask(planes[1].first), codes, plane_of<Bits, 1>(unit, c));
  if constexpr (planes.size() > 2) codes = select(low_mask(planes[2].first), codes, plane_of<Bits, 2>(unit, c));
  return codes;
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD::LOWP_TARGET
#endif
