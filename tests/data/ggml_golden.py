"""Writes ggml_golden.txt: what ggml's quantizers make of inputs that floats hold exactly. Needs llama-cpp-python.

  python ggml_golden.py > ggml_golden.txt

Of each type: one block, and a digest (64-bit FNV-1a) of the blocks of a matrix [256, 1024]. The block's input is a ramp: x32[i] =
((7i mod 32) - 13) / 8, x64[i] = ((11i mod 64) - 29) / 8, x256[i] = ((37i mod 256) - 120) / 64. Element i of the matrix is (the sum of
the four 16-bit fields of SplitMix64(i) - 131070) * 2^-(17 + i / 2048 mod 11), close to normal within stretches of different size.
"""

import ctypes
import pathlib

import llama_cpp
import numpy as np

library = ctypes.CDLL(str(pathlib.Path(llama_cpp.__file__).parent / "lib" / "libggml-base.so"))
library.ggml_quantize_chunk.restype = ctypes.c_size_t
library.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int64] * 3, ctypes.c_void_p]


def matrix():
    with np.errstate(over="ignore"):
        i = np.arange(256 * 1024, dtype=np.uint64)
        z = (i + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    fields = sum((z >> np.uint64(16 * k)) & np.uint64(0xFFFF) for k in range(4)).astype(np.int64) - 131070
    return np.ldexp(fields, -(17 + (i // np.uint64(2048) % np.uint64(11)).astype(np.int64))).astype(np.float32).reshape(256, 1024)


def quantize(number, x, columns, size):
    blocks = np.zeros(x.size // columns * size, np.uint8)
    library.ggml_quantize_chunk(number, x.ctypes.data, blocks.ctypes.data, 0, *x.shape, None)
    return blocks.tobytes()


def digest(data):
    h = 0xCBF29CE484222325
    for byte in data:
        h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{h:016x}"


RAMPS = {32: (7, 13, 8), 64: (11, 29, 8), 256: (37, 120, 64)}
TYPES = {"Q4_0": (2, 32, 18), "Q4_1": (3, 32, 20), "Q5_0": (6, 32, 22), "Q5_1": (7, 32, 24), "Q8_0": (8, 32, 34), "Q2_K": (10, 256, 84),
         "Q3_K": (11, 256, 110), "Q4_K": (12, 256, 144), "Q5_K": (13, 256, 176), "Q6_K": (14, 256, 210), "IQ4_NL": (20, 32, 18),
         "IQ4_XS": (23, 256, 136), "TQ1_0": (34, 256, 54), "TQ2_0": (35, 256, 66), "MXFP4": (39, 32, 17), "NVFP4": (40, 64, 36)}
for name, (number, columns, size) in TYPES.items():
    factor, offset, divisor = RAMPS[columns]
    ramp = ((np.arange(columns) * factor % columns - offset) / divisor).astype(np.float32).reshape(1, columns)
    print(name, quantize(number, ramp, columns, size).hex(), digest(quantize(number, matrix(), columns, size)))
