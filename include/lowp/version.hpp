// The version of the library: one number for CMake, Conan, vcpkg and the preprocessor.
#pragma once

#define LOWP_VERSION_MAJOR 0
#define LOWP_VERSION_MINOR 1
#define LOWP_VERSION_PATCH 0
#define LOWP_VERSION (LOWP_VERSION_MAJOR * 1000000 + LOWP_VERSION_MINOR * 1000 + LOWP_VERSION_PATCH)
