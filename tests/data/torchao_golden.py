"""Writes torchao_golden.txt: digests of torchao's MX and NVFP4 codes for inputs made by a formula.

  python torchao_golden.py > torchao_golden.txt

tests/quantize/golden_test.cpp makes the same inputs, so that every run of the tests compares lowp with torchao where
torchao is not installed. Inputs: element i of a [512, 1024] matrix is (the sum of the four 16-bit fields of
SplitMix64(i) - 131070) * 2^-(17 + i / 2048 mod 11), close to normal within stretches of different size. A digest is
64-bit FNV-1a over the block scales (one byte each) and then over the codes (one byte each), row by row.
"""

import numpy as np
import torch
import torchao
from torchao.prototype.mx_formats import config, mx_tensor, nvfp4_tensor

ROWS, COLS = 512, 1024


def inputs():
    with np.errstate(over="ignore"):
        i = np.arange(ROWS * COLS, dtype=np.uint64)
        z = (i + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    fields = sum((z >> np.uint64(16 * k)) & np.uint64(0xFFFF) for k in range(4)).astype(np.int64) - 131070
    return np.ldexp(fields, -(17 + (i // np.uint64(2048) % np.uint64(11)).astype(np.int64))).astype(np.float32).reshape(ROWS, COLS)


def digest(array):
    h = 0xCBF29CE484222325
    for byte in np.ascontiguousarray(array).tobytes():
        h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{h:016x}"


def main():
    print(f"# torchao {torchao.__version__}, torch {torch.__version__}: scheme, rule, digest of the scales, digest of the codes")
    w = inputs()
    elements = {
        "mxfp8_e4m3": torch.float8_e4m3fn,
        "mxfp8_e5m2": torch.float8_e5m2,
        "mxfp6_e2m3": mx_tensor.DTYPE_FP6_E2M3,
        "mxfp6_e3m2": mx_tensor.DTYPE_FP6_E3M2,
        "mxfp4": torch.float4_e2m1fn_x2,
    }
    for scheme, dtype in elements.items():
        for rule in ("floor", "ceil", "even", "rceil"):
            scales, codes = mx_tensor.to_mx(torch.from_numpy(w.copy()), dtype, 32, config.ScaleCalculationMode[rule.upper()])
            if scheme == "mxfp4":
                codes = mx_tensor.unpack_uint4(codes)
            print(scheme, rule, digest(scales.view(torch.uint8).numpy()), digest(codes.view(torch.uint8).numpy()))
    tensor = torch.from_numpy(w.copy())
    scales, codes = nvfp4_tensor.nvfp4_quantize(tensor, 16, nvfp4_tensor.per_tensor_amax_to_scale(tensor.abs().max()))
    scales = scales.view(torch.uint8).numpy()
    assert scales.min() > 8, "a block scale is below torchao's least"
    print("nvfp4 default", digest(scales), digest(mx_tensor.unpack_uint4(codes).numpy()))


main()
