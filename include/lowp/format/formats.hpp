// Every format the library names, and a visitor over them.
//
//   lowp::for_each_format([]<class F>(std::string_view name) { ... });
#pragma once

#include <lowp/core/half.hpp>
#include <lowp/format/codebook.hpp>
#include <lowp/format/e8m0.hpp>
#include <lowp/format/encode.hpp>
#include <lowp/format/integer.hpp>
#include <lowp/format/minifloat.hpp>
#include <lowp/format/unit.hpp>

#include <string_view>

namespace lowp::inline LOWP_ABI {

// Calls visit.template operator()<F>(name) for each named format of at most 8 bits.
template <class Visitor>
constexpr void for_each_format(Visitor&& visit) {
  visit.template operator()<i2>("i2");
  visit.template operator()<i3>("i3");
  visit.template operator()<i4>("i4");
  visit.template operator()<i8>("i8");
  visit.template operator()<u2>("u2");
  visit.template operator()<u3>("u3");
  visit.template operator()<u4>("u4");
  visit.template operator()<u8>("u8");
  visit.template operator()<e4m3>("e4m3");
  visit.template operator()<e5m2>("e5m2");
  visit.template operator()<e4m3fnuz>("e4m3fnuz");
  visit.template operator()<e5m2fnuz>("e5m2fnuz");
  visit.template operator()<e3m2>("e3m2");
  visit.template operator()<e2m3>("e2m3");
  visit.template operator()<e2m1>("e2m1");
  visit.template operator()<e8m0>("e8m0");
  visit.template operator()<nf4>("nf4");
  visit.template operator()<nf3>("nf3");
  visit.template operator()<nf2>("nf2");
  visit.template operator()<bnb_fp4>("bnb_fp4");
}

}  // namespace lowp::inline LOWP_ABI
