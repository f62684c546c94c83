"""ggml's blocks against the gguf package: what random bytes stand for, every type, bit for bit.

Three codes mean something else on purpose: an MXFP4 scale of 0xff is NaN, as OCP MX has it, an NVFP4 scale has no bit 7, and the
code 8 of E2M1 is minus zero, where ggml has plus zero.
"""

import subprocess
import sys

import gguf
import numpy as np
from gguf.quants import dequantize

rng = np.random.default_rng(20260901)
TYPES = "Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS TQ1_0 TQ2_0 MXFP4 NVFP4".split()
# Where the halves of a block lie.
HALVES = {"Q4_1": [0, 2], "Q5_1": [0, 2], "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "TQ1_0": [52],
          "TQ2_0": [64], "MXFP4": [], "NVFP4": []}
ROWS, BLOCKS = 37, 24
compared = 0
for name in TYPES:
    kind = getattr(gguf.GGMLQuantizationType, name)
    columns, size = gguf.GGML_QUANT_SIZES[kind]
    for usual in (True, False):
        blocks = rng.integers(0, 256, (ROWS * BLOCKS, size), dtype=np.uint8)
        if usual:
            # Scales as weights have them; otherwise any half, so that many a block is infinite or NaN.
            for at in HALVES.get(name, [0]):
                scales = (rng.standard_normal(len(blocks)) * 0.1).astype(np.float16)
                blocks[:, at : at + 2] = scales.view(np.uint8).reshape(-1, 2)
        if name == "MXFP4":
            blocks[blocks[:, 0] == 255, 0] = 254
        if name == "NVFP4":
            blocks[:, :4] &= 0x7F
        blocks.tofile("blocks.bin")
        subprocess.run([sys.argv[1], name, str(ROWS), str(BLOCKS * columns), "blocks.bin", "floats.bin"], check=True)
        mine = np.fromfile("floats.bin", np.float32)
        with np.errstate(all="ignore"):
            theirs = dequantize(blocks, kind).astype(np.float32).ravel()
        if "FP4" in name:
            mine, theirs = mine + np.float32(0), theirs + np.float32(0)
        nan = np.isnan(theirs)
        assert (np.isnan(mine) == nan).all(), f"{name}: other numbers are NaN"
        assert not (usual and nan.any()), name
        different = mine.view(np.uint32)[~nan] != theirs.view(np.uint32)[~nan]
        assert not different.any(), f"{name}: {different.sum()} of {different.size} numbers differ"
        compared += mine.size
print(f"{len(TYPES)} block types, {compared} numbers compared with gguf")
