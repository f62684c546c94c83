"""Counts what the CUDA GEMM's inner loop takes for a word of weights: cuda_gemm_instructions.py NVCC INCLUDE_FOLDER ARCHITECTURE...

Of the kernels for up to 8 tokens and activations of f16, in the code that ptxas makes: all instructions of the loop that holds the
tensor cores', addresses, copies and scales included, divided by the 32-bit words of fragments that it multiplies, of eight codes each.
"integer" are LOP3, PRMT, SHF, additions, IMAD and moves; "shared" the loads from shared memory. Needs cuobjdump, as cuda_instructions.py.
"""

import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from cuda_instructions import dumper

SCHEMES = ["int4_g128", "uint4_g128", "int3_g128", "int2_g32", "int8_g128", "int6_g128", "fp8_channel", "mxfp6_e2m3", "mxfp4", "nvfp4",
           "nf4_g64"]
HEAD = """#include <lowp/kernel/cuda/gemm.cuh>
#include <lowp/scheme/presets.hpp>
using namespace lowp;
using int6_g128 = scheme<integer<6, true>, per_group<128>, symmetric, f16>;
using int8_g128 = scheme<i8, per_group<128>, symmetric, f16>;
"""
KERNEL = """extern "C" __global__ void __launch_bounds__(256, 2)
kernel_{scheme}(const __grid_constant__ gemm_arguments<{scheme}, f16, f16, identity_epilogue> a, const __grid_constant__ gemm_schedule s) {{
  extern __shared__ vector_of_words {scheme}_shared[];
  constexpr gemm_tile tile = detail::gemm_tile_here<{scheme}, 8>;
  using body = gemm_body<{scheme}, f16, f16, identity_epilogue, tile>;
  const device_block<tile.threads()> block;
  body::prepare(block, {scheme}_shared);
  body::run(block, a, s, {scheme}_shared, blockIdx.x);
}}
"""
INTEGER = re.compile(r"LOP3|PRMT|SHF|IADD|IMAD|SEL|ISETP|LEA|MOV|VIADD|VIMNMX")
# A word with zero points costs one more of the tensor cores' instructions in four, for the sum of the activations.
SUMS = {"uint4_g128": 1.25, "int2_g32": 1.25}


def inner_loops(sass):
    """(name, instructions) of the shortest loop of each function that holds HMMA."""
    functions, name = {}, None
    for line in sass.splitlines():
        if function := re.search(r"Function : kernel_(\w+)", line):
            name = function[1]
            functions[name] = []
        elif (step := re.match(r"\s*/\*([0-9a-f]+)\*/\s+(?:@!?U?P\d+ )?([\w.]+)\s*([^;]*);", line)) and name:
            functions[name].append((int(step[1], 16), step[2], step[3]))
    for name, code in functions.items():
        place = {address: i for i, (address, _, _) in enumerate(code)}
        loops = []
        for i, (address, operation, operands) in enumerate(code):
            target = re.search(r"0x([0-9a-f]+)", operands) if operation.startswith("BRA") else None
            if target and int(target[1], 16) < address and int(target[1], 16) in place:
                loop = [operation for _, operation, _ in code[place[int(target[1], 16)]:i + 1]]
                if any(operation.startswith("HMMA") for operation in loop):
                    loops.append(loop)
        if loops:
            yield name, min(loops, key=len)


def main(nvcc, include, architectures):
    for architecture in architectures:
        source = HEAD + "".join(KERNEL.format(scheme=s) for s in SCHEMES)
        with tempfile.TemporaryDirectory() as folder:
            code, cubin = Path(folder) / "kernels.cu", Path(folder) / "kernels.cubin"
            code.write_text(source, encoding="utf-8")
            subprocess.run([nvcc, "-std=c++20", "-cubin", f"-arch={architecture}", f"-I{include}", code, "-o", cubin], check=True)
            sass = subprocess.run([dumper(nvcc), "-sass", cubin], check=True, capture_output=True, text=True).stdout
        loops = dict(inner_loops(sass))
        print(f"{architecture}, up to 8 tokens, instructions for a word of eight codes")
        print("| scheme | all | integer | shared |\n|---|---|---|---|")
        for scheme in SCHEMES:
            kinds = Counter(operation.split(".")[0] for operation in loops[scheme])
            words = kinds["HMMA"] / SUMS.get(scheme, 1)
            integers = sum(n for kind, n in kinds.items() if INTEGER.match(kind))
            print(f"| `{scheme}` | {len(loops[scheme]) / words:.1f} | {integers / words:.1f} | {kinds['LDS'] / words:.1f} |")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
