"""Counts what the CUDA dequantizers cost, in the code that ptxas makes: cuda_instructions.py NVCC INCLUDE_FOLDER ARCHITECTURE...

For each format, type and order: the instructions that depend on the packed codes, so neither constants nor addresses. "integer" are
those of the integer pipes (LOP3, PRMT, SHF, additions), "other" the half, float and conversion ones. Needs cuobjdump: in PATH, or
beside nvcc, or named by the environment variable CUOBJDUMP.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

FORMATS = ["i2", "i3", "i4", "u4", "i8", "u8", "e4m3", "e5m2", "e4m3fnuz", "e2m3", "e3m2", "e2m1", "nf3", "nf4"]
METHODS = [("f16", "natural"), ("f16", "interleaved"), ("bf16", "natural"), ("bf16", "interleaved"), ("f32", "natural")]
OTHER = re.compile(r"H[A-Z]+2|F(ADD|MUL|FMA|2FP)|F2F|MUFU")

HEAD = "#include <lowp/format/formats.hpp>\n#include <lowp/kernel/cuda/dequantize_fragment.hpp>\nusing namespace lowp;\n"
KERNEL = """extern "C" __global__ void {name}(const packed_run<{format}>* in, fragment<{out}>* out) {{
  out[threadIdx.x] = dequantize_fragment<{format}, {out}, {order}_order>(in[threadIdx.x]);
}}
"""


def dumper(nvcc):
    return os.environ.get("CUOBJDUMP") or shutil.which("cuobjdump") or str(Path(nvcc).parent / "cuobjdump")


def registers(text):
    return {int(n) for n in re.findall(r"\bR(\d+)", text)}


def counts(sass):
    """Instructions of each function that use what was loaded from memory, or what was computed from it."""
    found, depends, name = {}, set(), None
    for line in sass.splitlines():
        if function := re.search(r"Function : (\w+)", line):
            name, depends = function[1], set()
            found[name] = Counter()
        step = re.match(r"\s*/\*[0-9a-f]{4}\*/\s+(?:@!?\w+ )?([\w.]+)\s+([^;]*);", line)
        if not step or name is None:
            continue
        operation, operands = step[1], [o.strip() for o in step[2].split(",")]
        written = registers(operands[0])
        if operation.startswith("LDG"):
            first = min(written)
            depends |= set(range(first, first + (4 if ".128" in operation else 2 if ".64" in operation else 1)))
        elif not operation.startswith(("ST", "EXIT", "BRA", "NOP")):
            if registers(",".join(operands[1:])) & depends:
                found[name][operation.split(".")[0]] += 1
                depends |= written
            else:
                depends -= written
    return found


def main(nvcc, include, architectures):
    source = HEAD + "".join(KERNEL.format(name=f"{f}_{o}_{order}", format=f, out=o, order=order) for f in FORMATS for o, order in METHODS)
    for architecture in architectures:
        with tempfile.TemporaryDirectory() as folder:
            code, cubin = Path(folder) / "kernels.cu", Path(folder) / "kernels.cubin"
            code.write_text(source, encoding="utf-8")
            subprocess.run([nvcc, "-std=c++20", "-cubin", f"-arch={architecture}", f"-I{include}", code, "-o", cubin], check=True)
            found = counts(subprocess.run([dumper(nvcc), "-sass", cubin], check=True, capture_output=True, text=True).stdout)
        print(f"{architecture}, integer + other instructions for eight codes")
        print("| format | " + " | ".join(f"{o}, {order}" for o, order in METHODS) + " |")
        print("|" + "---|" * (len(METHODS) + 1))
        for f in FORMATS:
            cells = []
            for o, order in METHODS:
                other = sum(n for name, n in found[f"{f}_{o}_{order}"].items() if OTHER.match(name))
                cells.append(f"{sum(found[f'{f}_{o}_{order}'].values()) - other} + {other}")
            print(f"| `{f}` | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
