"""Links files compiled with and without -m flags, in both orders, and runs them on old and new processors.

Inline functions of one name are merged by the linker, whichever file they come from; those of the kernels must not be,
or a processor could be given code that it cannot run. Old processors are those that qemu-x86_64 imitates, if there is one.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

include = Path(__file__).resolve().parents[3] / "include"
compilers = [c for c in dict.fromkeys([os.environ.get("CXX", "c++"), "g++", "clang++"]) if shutil.which(c)]
if platform.machine() != "x86_64" or not compilers or not shutil.which("nm"):
    print("SKIPPED: needs x86-64 and a compiler")
    sys.exit(77)

SHARED = """#include <lowp/kernel/cpu/gemm.hpp>
#include <lowp/kernel/cpu/thread_executor.hpp>
#include <lowp/scheme/presets.hpp>
using weights = lowp::packed<lowp::int4_g32, lowp::layout::tile16>;
"""
PART = SHARED + """void {name}(const float* x, const weights& w, float* y, std::size_t tokens, bool best) {{
  const lowp::gemm_options options{{.limit = best ? lowp::newest_isa : lowp::isa::portable}};
  lowp::gemm<lowp::compute::int8<>>({{x, tokens, 100}}, w, {{y, tokens, 40}}, options);
  const auto residual = lowp::add_residual{{lowp::matrix_view<const float>{{y, tokens, 40}}}};
  lowp::gemm({{x, tokens, 100}}, w, {{y, tokens, 40}}, options, lowp::chain(lowp::silu{{}}, residual), lowp::thread_executor{{2}});
}}
"""
MAIN = SHARED + """#include <cstdio>
#include <cstring>
void plain(const float*, const weights&, float*, std::size_t, bool);
void flagged(const float*, const weights&, float*, std::size_t, bool);
int main(int argc, char**) {
  lowp::quantized<lowp::int4_g32> q(40, 100);
  for (std::size_t i = 0; i < 4000; ++i) q.codes()(i / 100, i % 100) = static_cast<unsigned char>(i * 7 % 16);
  for (std::size_t i = 0; i < 160; ++i) q.scales().codes()(i / 4, i % 4) = 0x3c00;
  const weights w(q);
  static float x[2000], a[800], b[800];
  for (int i = 0; i < 2000; ++i) x[i] = static_cast<float>(i % 17) - 8;
  bool same = true;
  for (std::size_t tokens : {1u, 20u}) {
    plain(x, w, a, tokens, true);
    // The flagged file is for new processors alone.
    if (argc > 1) {
      flagged(x, w, b, tokens, true);
      same = same && std::memcmp(a, b, tokens * 40 * sizeof(float)) == 0;
    }
    plain(x, w, b, tokens, false);
    for (std::size_t i = 0; i < tokens * 40; ++i) same = same && lowp::magnitude(a[i] - b[i]) < 1e-3f;
  }
  std::puts(lowp::name(lowp::best_isa()).data());
  return same ? 0 : 1;
}
"""
for name, text in {"plain": PART.format(name="plain"), "flagged": PART.format(name="flagged"), "main": MAIN}.items():
    Path(name + ".cpp").write_text(text)


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(str(c) for c in command)}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def kernels(file):
    return set(re.findall(r"\bW (\S*build_[01]+\S*)", run("nm", file)))


has_avx512 = "avx512vl" in Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else False
emulator = shutil.which("qemu-x86_64-static") or shutil.which("qemu-x86_64")
for compiler in compilers:
    for level in ("-O0", "-O2"):
        flags = [compiler, "-std=c++20", level, f"-I{include}", "-c"]
        for name in ("plain", "main"):
            run(*flags, f"{name}.cpp", "-o", f"{name}.o")
        run(*flags, "-march=x86-64-v4", "-mavx512vnni", "flagged.cpp", "-o", "flagged.o")
        shared = kernels("plain.o") & kernels("flagged.o")
        assert kernels("plain.o") and not shared, f"{compiler} {level}: both files define {sorted(shared)[:3]}"
        for order in (("plain.o", "flagged.o"), ("flagged.o", "plain.o")):
            run(compiler, "-static", *order, "main.o", "-o", "linked")
            here = run("./linked", *["flagged"] * has_avx512)
            found = [here]
            # Without optimization every inline function is merged, the standard library's too: nothing can be promised.
            if emulator and level != "-O0":
                for processor, expected in (("Nehalem", "portable"), ("Haswell", "x86_v3")):
                    found.append(run(emulator, "-cpu", processor, "./linked").splitlines()[-1])
                    assert found[-1] == expected, f"{processor} ran {found[-1]}"
            print(compiler, level, "+".join(order), "ran", ", ".join(found))
