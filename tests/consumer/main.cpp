// The program that every consumer project builds: NVFP4's element format, a scale format and a scheme.
#include <lowp/format/encode.hpp>
#include <lowp/format/formats.hpp>
#include <lowp/scheme/presets.hpp>
#include <lowp/version.hpp>

#include <iostream>

static_assert(lowp::encode<lowp::e2m1>(2.4f) == 4);
static_assert(lowp::bits_per_weight<lowp::nvfp4> == 4.5);

int main() {
  std::cout << "lowp " << LOWP_VERSION_MAJOR << '.' << LOWP_VERSION_MINOR << '.' << LOWP_VERSION_PATCH << ": 0.3 in e4m3 is "
            << lowp::decode<lowp::e4m3>(lowp::encode<lowp::e4m3>(0.3f)) << '\n';
  return lowp::decode<lowp::e4m3>(lowp::encode<lowp::e4m3>(448.0f)) == 448.0f ? 0 : 1;
}
