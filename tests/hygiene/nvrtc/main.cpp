// Compiles kernels.cu with NVRTC, as a program does that makes its kernels at run time: main KERNELS LOWP_INCLUDE CUDA_INCLUDE ARCH...
#include <lowp/kernel/cuda/nvrtc_headers.hpp>

#include <nvrtc.h>

#include <cstddef>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

int main(int count, char** argument) {
  if (count < 5) {
    std::printf("main KERNELS LOWP_INCLUDE CUDA_INCLUDE ARCH...\n");
    return 2;
  }
  std::ifstream file(argument[1]);
  const std::string source{std::istreambuf_iterator<char>(file), {}};
  int failed = 0;
  for (int i = 4; i < count; ++i) {
    const std::string options[] = {std::string("-arch=") + argument[i],
                                   "-std=c++20",
                                   "-default-device",
                                   std::string("-I") + argument[2],
                                   std::string("-I") + argument[3] + "/cccl",
                                   std::string("-I") + argument[3]};
    std::vector<const char*> pointers;
    for (const std::string& o : options) pointers.push_back(o.c_str());
    nvrtcProgram program = nullptr;
    nvrtcCreateProgram(&program, source.c_str(), "kernels.cu", lowp::nvrtc_headers::count, lowp::nvrtc_headers::sources,
                       lowp::nvrtc_headers::names);
    const nvrtcResult result = nvrtcCompileProgram(program, static_cast<int>(pointers.size()), pointers.data());
    std::size_t size = 0;
    nvrtcGetProgramLogSize(program, &size);
    std::string log(size, '\0');
    nvrtcGetProgramLog(program, log.data());
    nvrtcDestroyProgram(&program);
    std::printf("%s: %s\n", argument[i], nvrtcGetErrorString(result));
    if (result == NVRTC_SUCCESS && log.find("warning") == std::string::npos) continue;
    std::printf("%s\n", log.c_str());
    ++failed;
  }
  std::printf("%d passed, %d failed\n", count - 4 - failed, failed);
  return failed == 0 && !source.empty() ? 0 : 1;
}
