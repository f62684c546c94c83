"""Compiles the tests of the presets for 64-bit Arm and runs them under qemu: the portable kernels on another machine."""

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
sources = [tests / "support/main.cpp", tests / "kernel/cpu/gemm_presets_test.cpp", tests / "kernel/cpu/isa_test.cpp"]
flags = ["-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", "-static", "-DLOWP_TEST_HARNESS", f"-I{tests.parent / 'include'}", f"-I{tests / 'support'}"]
subprocess.run([compiler, *flags, *map(str, sources), "-o", "presets"], check=True)
done = subprocess.run([emulator, "./presets"], capture_output=True, text=True)
assert done.returncode == 0, done.stdout + done.stderr
print(done.stdout.strip())
