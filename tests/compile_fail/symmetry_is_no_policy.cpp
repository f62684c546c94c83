// expect: symmetry_policy
#include <lowp/format/formats.hpp>
#include <lowp/scheme/scheme.hpp>

#if defined(LOWP_RIGHT)
using symmetry = lowp::asymmetric;
#else
using symmetry = bool;
#endif
static_assert(lowp::scheme<lowp::u4, lowp::per_group<32>, symmetry>::has_zero);
