// expect: a group holds at least one weight
#include <lowp/format/formats.hpp>
#include <lowp/scheme/scheme.hpp>

#if defined(LOWP_RIGHT)
using groups = lowp::per_group<1>;
#else
using groups = lowp::per_group<0>;
#endif
static_assert(!lowp::scheme<lowp::i4, groups>::has_zero);
