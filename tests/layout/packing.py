"""Calls the program of the layout oracles: pack(name, bits, codes) are the bytes that lowp makes of codes [rows, columns]."""

import subprocess
import sys

import numpy as np

rng = np.random.default_rng(5)


def pack(layout, bits, codes):
    codes = np.ascontiguousarray(codes, np.uint8)
    codes.tofile("codes.bin")
    rows, cols = codes.shape
    subprocess.run([sys.argv[1], layout, str(bits), str(rows), str(cols), "codes.bin", "packed.bin"], check=True)
    return np.fromfile("packed.bin", np.uint8)


def random_codes(rows, cols, bits):
    return rng.integers(0, 1 << bits, (rows, cols), dtype=np.uint8)


def check(layout, bits, codes, expected):
    """Fails where lowp's bytes are not those of the array `expected`."""
    packed = pack(layout, bits, codes)
    theirs = np.frombuffer(np.ascontiguousarray(expected).tobytes(), np.uint8)
    assert packed.shape == theirs.shape, (layout, bits, codes.shape, packed.shape, theirs.shape)
    assert (packed == theirs).all(), (layout, bits, codes.shape, int((packed != theirs).sum()))
    return codes.size
