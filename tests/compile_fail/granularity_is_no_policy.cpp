// expect: granularity_policy
#include <lowp/format/formats.hpp>
#include <lowp/scheme/scheme.hpp>

#if defined(LOWP_RIGHT)
using groups = lowp::per_group<32>;
#else
struct groups {
  static constexpr int size = 32;
};
#endif
static_assert(!lowp::scheme<lowp::i4, groups>::has_zero);
