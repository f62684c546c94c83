// Detection against what the operating system says, and the order of instruction sets.

#include <lowp_test.hpp>

#include <lowp/kernel/cpu/isa.hpp>

#include <fstream>
#include <sstream>
#include <set>
#include <string>

namespace {

// The processor's flags as Linux prints them, on x86 after "flags" and on Arm after "Features"; empty elsewhere.
std::set<std::string> kernel_flags(const std::string& key) {
  std::ifstream in("/proc/cpuinfo");
  std::set<std::string> flags;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key)) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    for (std::string word; words >> word;) flags.insert(word);
    break;
  }
  return flags;
}

}  // namespace

TEST_CASE("the features found are those the operating system offers", "[kernel][isa]") {
  const auto flags = kernel_flags(LOWP_NEON ? "Features" : "flags");
  const lowp::cpu_features& cpu = lowp::this_cpu();
  if (LOWP_X86_64 && !flags.empty()) {
    CHECK(cpu.avx2 == flags.contains("avx2"));
    CHECK(cpu.fma == flags.contains("fma"));
    CHECK(cpu.f16c == flags.contains("f16c"));
    CHECK(cpu.avx512f == flags.contains("avx512f"));
    CHECK(cpu.avx512bw == flags.contains("avx512bw"));
    CHECK(cpu.avx512dq == flags.contains("avx512dq"));
    CHECK(cpu.avx512vl == flags.contains("avx512vl"));
    CHECK(cpu.avx512_vnni == flags.contains("avx512_vnni"));
    CHECK(cpu.avx512_bf16 == flags.contains("avx512_bf16"));
    CHECK(cpu.avx512_vbmi == flags.contains("avx512vbmi"));
    CHECK(cpu.avx_vnni == flags.contains("avx_vnni"));
  }
  if (LOWP_NEON && !flags.empty()) {
    CHECK(cpu.dotprod == flags.contains("asimddp"));
    CHECK(cpu.i8mm == flags.contains("i8mm"));
  }
}

TEST_CASE("the best instruction set is there and within its limit", "[kernel][isa]") {
  CHECK(lowp::supports(lowp::isa::portable));
  CHECK(lowp::supports(lowp::best_isa()));
  CHECK(lowp::best_isa(lowp::isa::portable) == lowp::isa::portable);
  int versions = 0;
  lowp::for_each_isa([&](lowp::isa i) {
    CHECK(lowp::supports(i));
    CHECK(lowp::best_isa(i) == i);
    CHECK(lowp::best_isa() >= i);
    ++versions;
  });
  CHECK(versions >= 1);
  CHECK(lowp::supports(lowp::isa::neon) == (LOWP_NEON != 0));
  CHECK(lowp::name(lowp::isa::x86_v4) == "x86_v4");
}
