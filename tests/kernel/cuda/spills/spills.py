"""Kernels that spill registers to memory fail here: spills.py NVCC INCLUDE_FOLDER ARCHITECTURE...

Compiles each .cu beside this script and reads what ptxas says of each kernel in it.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ENTRY = re.compile(r"Compiling entry function '(\w+)'")
SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
REGISTERS = re.compile(r"Used (\d+) registers")


def kernels(report):
    """(name, stack, spilled bytes, registers) of each kernel."""
    name, frame = "", None
    for line in report.splitlines():
        if entry := ENTRY.search(line):
            name, frame = entry[1], None
        elif spills := SPILLS.search(line):
            frame = [int(n) for n in spills.groups()]
        elif (used := REGISTERS.search(line)) and name and frame:
            yield name, frame[0], frame[1] + frame[2], int(used[1])
            name = ""


def main(nvcc, include, architectures):
    passed = failed = 0
    for source in sorted(Path(__file__).parent.glob("*.cu")):
        for architecture in architectures:
            with tempfile.TemporaryDirectory() as folder:
                command = [nvcc, "-std=c++20", "-cubin", f"-arch={architecture}", "-Xptxas", "-v", f"-I{include}", str(source),
                           "-o", folder + "/out.cubin"]
                result = subprocess.run(command, capture_output=True, text=True)
            found = list(kernels(result.stderr))
            if result.returncode or not found:
                print(f"{source.name} for {architecture} does not compile, or has no kernels\n{result.stderr}")
                failed += 1
            for name, stack, spilled, registers in found:
                print(f"{architecture} {registers:3} registers, {stack:3} bytes of stack, {spilled:3} spilled  {name}")
                passed += spilled == 0
                failed += spilled != 0
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
