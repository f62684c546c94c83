"""What the oracles of quantize share: running lowp's program, reading its output, and weights of several shapes."""

import subprocess
import sys

import ml_dtypes
import numpy as np

PROGRAM = sys.argv[1]
rng = np.random.default_rng(20240601)
FLOAT = np.float32


def quantize(w, scheme, rule="default", calibrator="min_max"):
    """The arrays of lowp's quantized matrix: codes, scales, and what follows them."""
    w = np.ascontiguousarray(w, FLOAT)
    w.tofile("w.f32")
    arguments = [PROGRAM, scheme, rule, calibrator, str(w.shape[0]), str(w.shape[1]), "w.f32", "q.bin"]
    subprocess.run(arguments, check=True)
    data, at, arrays = open("q.bin", "rb").read(), 0, []
    while at < len(data):
        rows, cols, size = np.frombuffer(data, np.uint64, 3, at).astype(int)
        arrays.append(np.frombuffer(data, f"<u{size}", rows * cols, at + 24).reshape(rows, cols))
        at += 24 + rows * cols * size
    return arrays


def samples(rows=256, cols=512):
    """Weights of several shapes; each is [rows, cols]."""
    normal = rng.standard_normal((rows, cols)).astype(FLOAT)
    yield "normal", normal
    yield "small", normal * FLOAT(0.02)
    yield "heavy", (rng.standard_t(2, (rows, cols))).astype(FLOAT)
    yield "bfloat16", (normal * FLOAT(0.05)).astype(ml_dtypes.bfloat16).astype(FLOAT)
    yield "short", (rng.integers(-40, 41, (rows, cols)) / 16).astype(FLOAT)  # many ties
    sparse = normal * (rng.random((rows, cols)) < 0.02)
    yield "sparse", sparse.astype(FLOAT)
    by_row = np.exp2(rng.integers(-60, 60, (rows, 1))).astype(FLOAT)
    yield "rows of all sizes", normal * by_row
