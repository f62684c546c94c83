"""Compiles laws of kernels, and attention, for 64-bit Arm and runs them under qemu, on processors with and without dot products."""

import shutil
import subprocess
import sys
from pathlib import Path

compiler = shutil.which("aarch64-linux-gnu-g++")
emulator = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
if not compiler or not emulator:
    print("SKIPPED: needs aarch64-linux-gnu-g++ and qemu-aarch64")
    sys.exit(77)
tests = Path(__file__).resolve().parents[2]
flags = ["-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", "-static", "-DLOWP_TEST_HARNESS", f"-I{tests.parent / 'include'}", f"-I{tests / 'support'}"]

Path("found.cpp").write_text("""#include <lowp/kernel/cpu/isa.hpp>
#include <cstdio>
int main() { std::printf("%s %d %d\\n", lowp::name(lowp::best_isa()).data(), lowp::this_cpu().dotprod, lowp::this_cpu().i8mm); }
""")


def start_building(program, *sources):
    return subprocess.Popen([compiler, *flags, *map(str, sources), "-o", program])


def finish(building):
    assert building.wait() == 0, "does not compile"


def run(processor, program):
    done = subprocess.run([emulator, "-cpu", processor, f"./{program}"], capture_output=True, text=True)
    assert done.returncode == 0, f"{program} on {processor}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


cpu = tests / "kernel/cpu"
laws = start_building("laws", tests / "support/main.cpp", cpu / "laws_test.cpp")
finish(start_building("found", "found.cpp"))
finish(start_building("processor", tests / "support/main.cpp", cpu / "isa_test.cpp", cpu / "integer_kinds_test.cpp"))
for processor, expected in (("cortex-a53", "neon 0 0"), ("cortex-a76", "neon_dotprod 1 0"), ("max", "neon_i8mm 1 1")):
    found = run(processor, "found")
    assert found == expected, f"{processor}: {found}, not {expected}"
    print(f"{processor}: {found}, {run(processor, 'processor')}")
finish(laws)
attention = start_building("attention", tests / "support/main.cpp", tests / "kv/instruction_sets_test.cpp")
print("laws:", run("cortex-a53", "laws"))
finish(attention)
for processor in ("cortex-a53", "cortex-a76"):
    print(f"attention on {processor}:", run(processor, "attention"))
