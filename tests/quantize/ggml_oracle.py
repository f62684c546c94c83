"""ggml's quantizers against ggml itself (the library in llama-cpp-python, which is compiled without contraction): every block, bit for bit.

And the searched blocks, which gguf reads: their error is at or below that of ggml's blocks.
"""

import ctypes
import pathlib
import subprocess
import sys

import gguf
import llama_cpp
import numpy as np
from gguf.quants import dequantize

library = ctypes.CDLL(str(pathlib.Path(llama_cpp.__file__).parent / "lib" / "libggml-base.so"))
library.ggml_quantize_chunk.restype = ctypes.c_size_t
library.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int64] * 3, ctypes.c_void_p]
TYPES = "Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS TQ1_0 TQ2_0 MXFP4 NVFP4".split()
rng = np.random.default_rng(20260902)


def samples(rows=64, cols=1024):
    normal = rng.standard_normal((rows, cols))
    yield "normal", rng.standard_normal((512, cols))
    yield "small", normal * 1e-3
    yield "heavy", rng.standard_t(2, (rows, cols))
    yield "many ties", rng.integers(-40, 41, (rows, cols)) / 16
    yield "sparse", normal * (rng.random((rows, cols)) < 0.03)
    yield "positive", np.abs(normal)
    yield "far from zero", -1 - 0.01 * rng.random((rows, cols))
    yield "alike", np.full((2, cols), 0.37)
    yield "zeros", np.zeros((2, cols))
    yield "large", normal * 1e4
    yield "rows of all sizes", normal * np.exp2(rng.integers(-40, 8, (rows, 1)).astype(float))
    yield "groups of all sizes", normal * np.repeat(np.exp2(rng.integers(-12, 2, (rows, cols // 16)).astype(float)), 16, axis=1)


def quantize(how, kind, size, shape):
    subprocess.run([sys.argv[1], how, kind, *map(str, shape), "w.f32", "blocks.bin"], check=True)
    return np.fromfile("blocks.bin", np.uint8).reshape(-1, size)


def squared_error(blocks, number, w):
    return float(((dequantize(blocks, number).astype(np.float64).reshape(w.shape) - w) ** 2).sum())


compared = 0
cases = [(name, np.ascontiguousarray(w, np.float32)) for name, w in samples()]
for kind in TYPES:
    number = getattr(gguf.GGMLQuantizationType, kind)
    columns, size = gguf.GGML_QUANT_SIZES[number]
    for name, w in cases:
        w.tofile("w.f32")
        mine = quantize("reference", kind, size, w.shape)
        theirs = np.zeros_like(mine)
        library.ggml_quantize_chunk(int(number), w.ctypes.data, theirs.ctypes.data, 0, *w.shape, None)
        different = (mine != theirs).any(axis=1).sum()
        assert different == 0, f"{kind}, {name}: {different} of {len(mine)} blocks differ"
        compared += len(mine)
        if (kind, name) == ("NVFP4", "large"):
            continue  # beyond its scales, which is an error
        searched = squared_error(quantize("search", kind, size, w.shape), number, w)
        # Weights that are all alike leave only the rounding of scales, which is a matter of luck.
        allowed = max(squared_error(theirs, number, w), 1e-6 * float((w.astype(np.float64) ** 2).sum()))
        assert searched <= allowed, f"{kind}, {name}: the search has more error than ggml"
print(f"{len(TYPES)} block types, {compared} blocks compared with ggml")
