"""Writes algorithms_golden.txt: what the packages auto-gptq, hqq and compressed-tensors make of weights given by a formula.

  python algorithms_golden.py > algorithms_golden.txt

tests/algorithm/golden_test.cpp makes the same inputs, so that every run of the tests compares lowp with the packages where they are not
installed. Weights [12, 256]: as in torchao_golden.py. The Hessian is that of 512 tokens: token t has (r(t, k) + r(t, k - 1)) * (1 + k mod 5)
in channel k (r(t, -1) = 0), where r(t, k) is the uppermost hexadecimal digit of SplitMix64(2^32 + 256 t + k), less 8; it is a
whole number of 256ths, so that everyone has it exactly.

Lines: `gptq NAME LOSS CODES`, with LOSS the error of the layer's outputs; `hqq NAME LOSS CODES`, with LOSS the sum of |w - v|^0.7; codes are a
hexadecimal digit each, row by row. `observer NAME SCALES ZEROS`: digests (64-bit FNV-1a) of the scales as f32 and of the zero points, a
byte each and counted from the lowest code, group by group.
"""

import importlib.metadata
import sys
import types

import numpy as np
import torch

for name in ("transformers", "transformers.pytorch_utils", "termcolor"):  # imported, and not needed for a linear layer
    sys.modules[name] = types.ModuleType(name)
sys.modules["transformers"].pytorch_utils = sys.modules["transformers.pytorch_utils"]
sys.modules["transformers"].Conv1D = sys.modules["transformers.pytorch_utils"].Conv1D = type("Conv1D", (), {})
sys.modules["termcolor"].colored = lambda text, *_: text
torch.cuda.synchronize = lambda: None


def submodule_only(package):
    """A package without what its __init__ brings along."""
    module = types.ModuleType(package)
    module.__path__ = [f"{folder}/{package}" for folder in sys.path]
    sys.modules[package] = module


submodule_only("auto_gptq")
from auto_gptq.quantization.gptq import GPTQ  # noqa: E402

from hqq.core.quantize import Quantizer  # noqa: E402

for name in ("transformers", "transformers.pytorch_utils"):
    del sys.modules[name]
from compressed_tensors.quantization import QuantizationArgs  # noqa: E402
from compressed_tensors.quantization.utils import calculate_qparams  # noqa: E402

ROWS, COLS, TOKENS = 12, 256, 512


def random_bits(seed, count):
    with np.errstate(over="ignore"):
        i = np.arange(count, dtype=np.uint64)
        z = np.uint64(seed << 32) + (i + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def weights():
    z = random_bits(0, ROWS * COLS)
    fields = sum((z >> np.uint64(16 * k)) & np.uint64(0xFFFF) for k in range(4)).astype(np.int64) - 131070
    i = np.arange(ROWS * COLS)
    return torch.from_numpy(np.ldexp(fields, -(17 + i // 2048 % 11)).astype(np.float32).reshape(ROWS, COLS))


def hessian():
    r = (random_bits(1, TOKENS * COLS) >> np.uint64(60)).astype(np.int64).reshape(TOKENS, COLS) - 8
    x = (r + np.pad(r, ((0, 0), (1, 0)))[:, :-1]) * (1 + np.arange(COLS) % 5)
    sums = x.T @ x
    assert len(set(np.diag(sums))) == COLS and np.abs(sums).max() < 2**24
    return torch.from_numpy((sums / 256).astype(np.float32))


def digits(codes):
    return "".join(f"{int(c):x}" for c in codes.flatten())


def digest(array):
    h = 0xCBF29CE484222325
    for byte in np.ascontiguousarray(array).tobytes():
        h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{h:016x}"


def gptq(name, bits, symmetric=False, mse=False, **options):
    layer = torch.nn.Linear(COLS, ROWS, bias=False)
    layer.weight.data = weights()
    solver = GPTQ(layer)
    solver.H = hessian()
    solver.nsamples = 1
    solver.quantizer.configure(bits, perchannel=True, sym=symmetric, mse=mse)
    scale, zero, groups = solver.fasterquant(group_size=128, **options)
    values = layer.weight.data
    scale, zero = scale[:, groups.long()], zero[:, groups.long()]
    d = (weights() - values).double()
    loss = float(((d @ hessian().double()) * d).sum())
    print("gptq", name, f"{loss:.9e}", digits(torch.round(values / scale + zero)))


def hqq(name, bits, group):
    codes, meta = Quantizer.quantize(
        weights(), nbits=bits, group_size=group, round_zero=bits == 4, axis=1, bitpack=False, device="cpu", compute_dtype=torch.float32
    )
    values = (codes.double() - meta["zero"].double()) * meta["scale"].double()
    loss = float((weights().double().reshape(values.shape) - values).abs().pow(0.7).sum())
    print("hqq", name, f"{loss:.9e}", digits(codes))


def observer(name, bits, symmetric, group, kind="int"):
    w = weights().reshape(-1, group or COLS)
    arguments = {"num_bits": bits, "type": kind, "symmetric": symmetric, "strategy": "group" if group else "channel", "group_size": group}
    scale, zero = calculate_qparams(w.amin(1), w.amax(1), QuantizationArgs(**arguments))
    zero = zero.float().numpy() + 2 ** (bits - 1) if not symmetric else np.zeros(len(w))
    print("observer", name, digest(scale.numpy()), digest(zero.astype(np.uint8)))


versions = (f"{name} {importlib.metadata.version(name)}" for name in ("auto-gptq", "hqq", "compressed-tensors", "torch"))
print("# " + ", ".join(versions))
gptq("u4", 4)
gptq("u3", 3)
gptq("u4_act_order", 4, actorder=True, static_groups=True)
gptq("u4_mse", 4, mse=True)
gptq("i4_half_width", 4, symmetric=True)
hqq("u4_g64", 4, 64)
hqq("u3_g64", 3, 64)
hqq("u2_g32", 2, 32)
observer("i4_g128", 4, True, 128)
observer("u4_g128", 4, False, 128)
observer("i8_channel", 8, True, None)
observer("u8_channel", 8, False, None)
observer("e4m3_channel", 8, True, None, "float")
