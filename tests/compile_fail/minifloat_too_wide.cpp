// expect: a minifloat has at most 8 bits; f16 and bf16 are formats of their own
#include <lowp/format/minifloat.hpp>

#if defined(LOWP_RIGHT)
using format = lowp::minifloat<4, 3, lowp::special_values::ieee>;
#else
using format = lowp::minifloat<5, 4, lowp::special_values::ieee>;
#endif
static_assert(format::bits <= 8);
