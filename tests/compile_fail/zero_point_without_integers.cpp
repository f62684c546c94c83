// expect: asymmetric needs a format of consecutive integers for its zero point; asymmetric_as<f16> takes any format
#include <lowp/format/formats.hpp>
#include <lowp/scheme/scheme.hpp>

#if defined(LOWP_RIGHT)
using weights = lowp::scheme<lowp::nf4, lowp::per_group<64>, lowp::asymmetric_as<lowp::f16>, lowp::f16>;
#else
using weights = lowp::scheme<lowp::nf4, lowp::per_group<64>, lowp::asymmetric, lowp::f16>;
#endif
static_assert(weights::has_zero);
