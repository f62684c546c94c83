// expect: tile16 holds codes of 1 to 8, 16 or 32 bits
#include <lowp/layout/tile16.hpp>

#if defined(LOWP_RIGHT)
constexpr int bits = 16;
#else
constexpr int bits = 12;
#endif
static_assert(lowp::layout::tile16::size<bits>(16, 32) > 0);
