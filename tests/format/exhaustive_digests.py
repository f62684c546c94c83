"""Makes tests/format/digests.txt: what other people's encoders give for every float there is.

    exhaustive_digests.py [NAME ...] > digests.txt        without names: every row; an hour or two on one core

One row a stream: name, mode, inputs, SHA-256, producer. A stream holds the code of each input in the order of the
inputs' bit patterns, one byte a code (two, little-endian, for f16 and bf16).

  inputs   all    bit patterns 0 to 2^32 - 1
           unit   those with a magnitude of at most 1: 0 to 0x3f800000, then 0x80000000 to 0xbf800000
  mode     propagate   the producer's conversion as it is
           saturate    the same after numpy.clip(x, -max, max), or (min, max) for e8m0 and integers; NaN passes through

Two changes are made to a producer's answer. A NaN that meets a format without NaN has no code of its own (ml_dtypes
gives a zero, numpy whatever the C cast does), and is written as the code of the largest number, which is lowp's rule;
casts to f16 and bf16, which keep some of a NaN's payload, get the quiet NaN of the same sign. And float8_e8m0fnu takes
everything between 2^-127 and 1.5 * 2^-127 up to 2^-126; those 2097151 floats are written as 2^-127, the nearer one.

Rows of ml_dtypes and numpy are their astype; integers are numpy.rint and numpy.clip; nf4 and bnb_fp4 are the
quantization kernels that bitsandbytes ships for Triton, run by Triton's interpreter on blocks whose absmax is 1.
exhaustive_test.cpp hashes lowp's own streams against the file.
"""

import hashlib
import os
import sys
import time

os.environ["TRITON_INTERPRET"] = "1"
import ml_dtypes
import numpy

numpy.seterr(all="ignore")
CHUNK = 1 << 24

FLOATS = {  # name: dtype, largest value, code of NaN where the format has none
    "e4m3": (ml_dtypes.float8_e4m3fn, 448.0, None),
    "e5m2": (ml_dtypes.float8_e5m2, 57344.0, None),
    "e4m3fnuz": (ml_dtypes.float8_e4m3fnuz, 240.0, None),
    "e5m2fnuz": (ml_dtypes.float8_e5m2fnuz, 57344.0, None),
    "e3m2": (ml_dtypes.float6_e3m2fn, 28.0, 0x1F),
    "e2m3": (ml_dtypes.float6_e2m3fn, 7.5, 0x1F),
    "e2m1": (ml_dtypes.float4_e2m1fn, 6.0, 0x7),
    "ieee_e4m3": (ml_dtypes.float8_e4m3, 240.0, None),
    "ieee_e3m4": (ml_dtypes.float8_e3m4, 15.5, None),
    "e4m3b11fnuz": (ml_dtypes.float8_e4m3b11fnuz, 30.0, None),
    "bf16": (ml_dtypes.bfloat16, float(ml_dtypes.finfo(ml_dtypes.bfloat16).max), None),
    "f16": (numpy.float16, 65504.0, None),
}
INTEGERS = {"i2": (-2, 1), "i3": (-4, 3), "i4": (-8, 7), "i8": (-128, 127), "u2": (0, 3), "u3": (0, 7), "u4": (0, 15), "u8": (0, 255)}


def every_float():
    for start in range(0, 1 << 32, CHUNK):
        yield numpy.arange(start, start + CHUNK, dtype=numpy.uint32).view(numpy.float32)


def every_unit_float():
    for first in (0, 0x80000000):
        for start in range(first, first + 0x3F800001, CHUNK):
            yield numpy.arange(start, min(start + CHUNK, first + 0x3F800001), dtype=numpy.uint32).view(numpy.float32)


def minifloat(dtype, largest, nan_code, saturate):
    codes = numpy.uint16 if numpy.dtype(dtype).itemsize == 2 else numpy.uint8
    sixteen = numpy.dtype(dtype).itemsize == 2

    def encode(x):
        y = numpy.clip(x, numpy.float32(-largest), numpy.float32(largest)) if saturate else x
        c = y.astype(dtype).view(codes)
        if nan_code is not None:
            c[numpy.isnan(x)] = nan_code
        elif sixteen:
            nan = numpy.isnan(x)
            quiet = numpy.array([numpy.nan], numpy.float32).astype(dtype).view(codes)[0] & 0x7FFF
            c[nan] = quiet | (numpy.signbit(x[nan]).astype(numpy.uint16) << 15)
        return c

    return encode


def scale(saturate):
    def encode(x):
        y = numpy.clip(x, numpy.float32(2.0**-127), numpy.float32(2.0**127)) if saturate else x
        codes = y.astype(ml_dtypes.float8_e8m0fnu).view(numpy.uint8)
        codes[(x > 2.0**-127) & (x < 1.5 * 2.0**-127)] = 0
        return codes

    return encode


def integer(low, high):
    def encode(x):
        y = numpy.clip(numpy.rint(x), numpy.float32(low), numpy.float32(high))
        y[numpy.isnan(x)] = high
        return (y.astype(numpy.int32) & ((1 << (high - low).bit_length()) - 1)).astype(numpy.uint8)

    return encode


def bitsandbytes_kernel(kind):
    import torch
    from bitsandbytes.backends.triton.kernels_4bit import quantize_4bit_blockwise_triton

    block = 1 << 17  # eight of them are as much as Triton takes at once

    def encode(x):
        blocks = -(-len(x) // (block - 1))
        padded = numpy.zeros((blocks, block), numpy.float32)
        padded[:, 0] = 1
        padded[:, 1:].flat[: len(x)] = x
        a = torch.from_numpy(padded.reshape(-1))
        absmax = torch.empty(blocks)
        out = torch.empty(blocks * block // 2, dtype=torch.uint8)
        quantize_4bit_blockwise_triton(a, block, kind, blocks, absmax, a.numel(), out)
        assert bool((absmax == 1).all())
        codes = numpy.stack([out.numpy() >> 4, out.numpy() & 15], 1).reshape(blocks, block)
        return codes[:, 1:].reshape(-1)[: len(x)]

    return encode


def rows():
    for name, (dtype, largest, nan_code) in FLOATS.items():
        producer = "numpy-" + numpy.__version__ if dtype is numpy.float16 else "ml_dtypes-" + ml_dtypes.__version__
        for mode in ("propagate", "saturate"):
            yield name, mode, "all", producer, lambda: minifloat(dtype, largest, nan_code, mode == "saturate")
    for mode in ("propagate", "saturate"):
        yield "e8m0", mode, "all", "ml_dtypes-" + ml_dtypes.__version__, lambda: scale(mode == "saturate")
    for name, (low, high) in INTEGERS.items():
        yield name, "saturate", "all", "numpy-" + numpy.__version__, lambda: integer(low, high)
    from importlib.metadata import version

    for name, kind in (("nf4", "nf4"), ("bnb_fp4", "fp4")):
        yield name, "saturate", "unit", "bitsandbytes-" + version("bitsandbytes"), lambda: bitsandbytes_kernel(kind)


def main():
    print("# Made by exhaustive_digests.py, which says what the columns mean.")
    for name, mode, inputs, producer, make in rows():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        start, encode, digest, count = time.monotonic(), make(), hashlib.sha256(), 0
        for x in every_float() if inputs == "all" else every_unit_float():
            digest.update(numpy.ascontiguousarray(encode(x)))
            count += len(x)
        print(name, mode, inputs, digest.hexdigest(), producer, flush=True)
        print(f"{name} {mode}: {count} floats in {time.monotonic() - start:.1f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
