"""Checks the machine code of a program that was compiled without any -m flag: codegen_oracle.py PROGRAM

The AVX-512 and AVX2 kernels are in it, their loops look codes up in registers and call nothing, and the portable
functions use no instruction that an old processor lacks.
"""

import platform
import re
import shutil
import subprocess
import sys

if platform.machine() != "x86_64" or not shutil.which("objdump"):
    print("SKIPPED: needs x86-64 and objdump")
    sys.exit(77)
listing = subprocess.run(["objdump", "-d", "-C", "--no-show-raw-insn", sys.argv[1]], capture_output=True, text=True, check=True).stdout
if re.search(r"__(asan|ubsan|tsan)_", listing):
    print("SKIPPED: the program is instrumented")
    sys.exit(77)

functions = {}
for block in listing.split("\n\n"):
    if header := re.match(r"\s*([0-9a-f]+) <(.*)>:\n", block):
        lines = [re.match(r"\s*([0-9a-f]+):\s+(.*)", line) for line in block.splitlines()[1:]]
        functions[header[2]] = [(int(m[1], 16), m[2].strip()) for m in lines if m]

if any("ceil_div" in name for name in functions):
    print("SKIPPED: the program is not optimized")
    sys.exit(77)


def named(part):
    found = {name: code for name, code in functions.items() if part in name}
    assert found, f"no function of {part}"
    return found


def innermost_loops(code):
    """The bodies of backward jumps that hold no other backward jump."""
    spans = []
    for address, text in code:
        if jump := re.match(r"j\w+\s+([0-9a-f]+)", text):
            if code[0][0] <= int(jump[1], 16) <= address:
                spans.append((int(jump[1], 16), address))
    inner = [s for s in spans if not any(o != s and s[0] <= o[0] and o[1] <= s[1] for o in spans)]
    return [[text for address, text in code if first <= address <= last] for first, last in inner]


def check_loops(isa, register):
    """No loop that looks codes up calls anything; with registers to spare, none stores anything either."""
    look_up = r"vperm(ps|d)\s"  # the same operation, and compilers take either
    checked = 0
    for name, code in named(f"::{isa}::dot<").items():
        loops = ["\n".join(loop) for loop in innermost_loops(code)]
        loops = [loop for loop in loops if re.search(look_up, loop)]
        assert loops, f"{name} has no loop that looks codes up"
        for loop in loops:
            assert re.search(look_up + f".*{register}", loop), f"{name} looks up in narrow registers"
            assert re.search(rf"vfmadd\w+\s.*{register}", loop), f"{name} has no fused multiplication in {register}"
            assert not re.search(r"\bcall", loop), f"a loop of {name} calls a function"
            if register == "zmm":
                assert not re.search(r"vmov\w+\s+%zmm\d+,.*\(", loop), f"a loop of {name} stores"
        checked += 1
    return checked


print(f"{check_loops('x86_v4', 'zmm')} AVX-512 kernels look up in registers, call nothing and store nothing")
print(f"{check_loops('x86_v3', 'ymm')} AVX2 kernels look up in registers and call nothing")

plain = {name: code for name, code in functions.items() if "lowp" in name and "x86_v" not in name}
assert plain
for name, code in plain.items():
    for _, text in code:
        # vzeroupper and the like start with a v as well; verr and verw are no vector instructions.
        assert not re.match(r"v(?!er[rw])[a-z]", text), f"{name} uses {text}"
print(f"{len(plain)} other functions of the library use no vector extension")
