// expect: a scale is stored in a number format (f32, f16, e8m0, ...) or in another scheme
#include <lowp/format/formats.hpp>
#include <lowp/scheme/scheme.hpp>

#if defined(LOWP_RIGHT)
using scale = lowp::f32;
#else
using scale = double;
#endif
static_assert(!lowp::scheme<lowp::i4, lowp::per_group<32>, lowp::symmetric, scale>::has_zero);
