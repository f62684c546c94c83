// expect: a bias is stored in a format that has negative numbers
#include <lowp/format/formats.hpp>
#include <lowp/scheme/scheme.hpp>

#if defined(LOWP_RIGHT)
using symmetry = lowp::with_bias<lowp::i8>;
#else
using symmetry = lowp::with_bias<lowp::u8>;
#endif
static_assert(lowp::scheme<lowp::u4, lowp::per_group<32>, symmetry, lowp::f16>::has_bias);
