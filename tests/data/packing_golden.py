"""Writes packing_golden.txt: digests of what compressed-tensors, bitsandbytes and torchao pack.

  python packing_golden.py > packing_golden.txt

tests/layout/golden_test.cpp packs the same codes, so that every run of the tests compares lowp with these packages where they are not
installed. The code at index i of a matrix is the low bits of SplitMix64(i). A digest is 64-bit FNV-1a over the packed bytes.
"""

import bitsandbytes
import bitsandbytes.functional as bnb
import compressed_tensors
import numpy as np
import torch
import torchao
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32
from torchao.prototype.mx_formats import kernels, utils


def codes(rows, cols, bits):
    with np.errstate(over="ignore"):
        z = (np.arange(rows * cols, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z & np.uint64((1 << bits) - 1)).astype(np.uint8).reshape(rows, cols)


def line(layout, bits, rows, cols, packed):
    h = 0xCBF29CE484222325
    for byte in np.ascontiguousarray(packed).tobytes():
        h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    print(layout, bits, rows, cols, f"{h:016x}")


print(
    f"# compressed-tensors {compressed_tensors.__version__}, bitsandbytes {bitsandbytes.__version__}, torchao {torchao.__version__}:"
    " layout, bits, rows, columns, digest"
)
for bits in range(1, 9):
    for rows, cols in ((33, 100), (64, 96)):
        signed = torch.from_numpy((codes(rows, cols, bits).astype(np.int16) - (1 << (bits - 1))).astype(np.int8))
        line("compressed_tensors", bits, rows, cols, pack_to_int32(signed, bits).numpy())
        line("compressed_tensors_zeros", bits, rows, cols, pack_to_int32(signed, bits, packed_dim=0).contiguous().numpy())
for rows, cols in ((40, 33), (64, 128)):
    # Weights that are the codebook's own values; every block holds the largest one, so that no scale moves them.
    wanted = codes(rows, cols, 4)
    assert all((block == 15).any() or (block == 0).any() for block in np.split(wanted.reshape(-1), range(64, rows * cols, 64)))
    values = bnb.get_4bit_type("nf4", device="cpu")
    packed, _ = bnb.quantize_4bit(values[torch.from_numpy(wanted.astype(np.int64))], blocksize=64, quant_type="nf4")
    line("bitsandbytes", 4, rows, cols, packed.numpy())
line("row_major", 4, 33, 66, kernels.pack_uint4(torch.from_numpy(codes(33, 66, 4))).numpy())
for rows, cols in ((130, 5), (256, 32)):
    line("scale_swizzle_128x4", 8, rows, cols, utils.to_blocked(torch.from_numpy(codes(rows, cols, 8))).numpy())
