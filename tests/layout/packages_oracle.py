"""Layouts against the packages that define them: compressed-tensors, bitsandbytes and torchao."""

import bitsandbytes.functional as bnb
import numpy as np
import torch
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32
from torchao.prototype.mx_formats import kernels, utils

from packing import check, random_codes

count = 0
for bits in range(1, 9):
    for n, k in ((1, 1), (3, 7), (5, 33), (16, 64), (33, 100), (64, 128)):
        codes = random_codes(n, k, bits)
        signed = torch.from_numpy((codes.astype(np.int16) - (1 << (bits - 1))).astype(np.int8))
        count += check("compressed_tensors", bits, codes, pack_to_int32(signed, bits).numpy())
        count += check("compressed_tensors_zeros", bits, codes, pack_to_int32(signed, bits, packed_dim=0).contiguous().numpy())
print(f"compressed-tensors: {count} codes")

count = 0
for n, k in ((1, 64), (4, 100), (3, 63), (64, 128)):
    # Weights that are the codebook's own values, so that their codes are known.
    codes = random_codes(n, k, 4)
    codes.reshape(-1)[0::64] = 15
    values = bnb.get_4bit_type("nf4", device="cpu")
    packed, _ = bnb.quantize_4bit(values[torch.from_numpy(codes.astype(np.int64))], blocksize=64, quant_type="nf4")
    packed = packed.numpy().reshape(-1)
    if n * k % 2 != 0:  # the half byte behind the last code is the code of zero there, and zero here
        packed[-1] &= 0xF0
    count += check("bitsandbytes", 4, codes, packed)
print(f"bitsandbytes: {count} codes")

count = 0
for n, k in ((1, 16), (16, 64), (5, 34)):
    codes = random_codes(n, k, 4)
    count += check("row_major", 4, codes, kernels.pack_uint4(torch.from_numpy(codes)).numpy())
for r, c in ((128, 4), (130, 5), (384, 32)):
    scales = random_codes(r, c, 8)
    count += check("scale_swizzle_128x4", 8, scales, utils.to_blocked(torch.from_numpy(scales)).numpy())
print(f"torchao: {count} codes")
