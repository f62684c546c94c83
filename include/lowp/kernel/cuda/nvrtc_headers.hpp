// The standard headers that lowp's device code includes, for NVRTC, which has none: each stands for CCCL's header of that name.
//
//   nvrtcCreateProgram(&program, source, "kernel.cu", lowp::nvrtc_headers::count, lowp::nvrtc_headers::sources,
//                      lowp::nvrtc_headers::names);
//   // options: -std=c++20 -default-device -I<lowp>/include -I<cuda>/include/cccl -I<cuda>/include
//
// -default-device: constexpr functions that only run in the compiler have no annotation of their own.
#pragma once

#include <lowp/core/config.hpp>

namespace lowp::inline LOWP_ABI::nvrtc_headers {

inline constexpr const char* names[] = {"concepts", "cstddef", "cstdint", "cstring", "string_view", "type_traits", "utility"};
inline constexpr const char* sources[] = {
    "#include <cuda/std/concepts>\nnamespace std { using namespace cuda::std; }\n",
    "#include <cuda/std/cstddef>\nnamespace std { using namespace cuda::std; }\n",
    "#include <cuda/std/cstdint>\nnamespace std { using namespace cuda::std; }\n",
    "#include <cuda/std/cstring>\nnamespace std { using namespace cuda::std; }\n",
    // Of names that no device code asks for.
    "#pragma once\nnamespace std { using string_view = const char*; }\n",
    "#include <cuda/std/type_traits>\nnamespace std { using namespace cuda::std; }\n",
    "#include <cuda/std/utility>\nnamespace std { using namespace cuda::std; }\n",
};
inline constexpr int count = sizeof(names) / sizeof(names[0]);
static_assert(count == sizeof(sources) / sizeof(sources[0]));

}  // namespace lowp::inline LOWP_ABI::nvrtc_headers
