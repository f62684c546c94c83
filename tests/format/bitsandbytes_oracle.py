"""NF4 and FP4 against bitsandbytes: its tables, its quantization kernels at and beside every threshold, and the
construction of NormalFloat tables with torch and scipy.

The kernels are the ones written for Triton, run by Triton's interpreter, so that no GPU is needed. They state the
thresholds of the CUDA kernels; as decimals, of which a C++ compiler rounds four of NF4's one unit lower or higher. The
CPU path takes midpoints, which is the same for NF4 and another rule for FP4.
"""

import os

os.environ["TRITON_INTERPRET"] = "1"

import bitsandbytes
import numpy
import torch
from bitsandbytes.backends.triton.kernels_4bit import quantize_4bit_blockwise_triton
from bitsandbytes.functional import get_4bit_type, quantize_4bit
from scipy.stats import norm

from codes import beside, decode, encode, equal, floats

BLOCK = 1 << 12


def in_blocks(x):
    """Blocks of BLOCK values with an absmax of 1, the first value of each."""
    rows = -(-len(x) // (BLOCK - 1))
    blocks = numpy.zeros((rows, BLOCK), numpy.float32)
    blocks[:, 0] = 1
    blocks[:, 1:].flat[: len(x)] = x
    return torch.from_numpy(blocks.reshape(-1))


def from_blocks(packed, count):
    packed = packed.numpy().reshape(-1)
    codes = numpy.stack([packed >> 4, packed & 15], 1).reshape(-1, BLOCK)
    return codes[:, 1:].reshape(-1)[:count].astype(numpy.uint16)


def by_kernel(kind, x):
    a = in_blocks(x)
    blocks = a.numel() // BLOCK
    absmax = torch.empty(blocks)
    packed = torch.empty(a.numel() // 2, dtype=torch.uint8)
    quantize_4bit_blockwise_triton(a, BLOCK, kind, blocks, absmax, a.numel(), packed)
    assert bool((absmax == 1).all())
    return from_blocks(packed, len(x))


def by_cpu(kind, x):
    packed, state = quantize_4bit(in_blocks(x), blocksize=BLOCK, quant_type=kind)
    assert bool((state.absmax == 1).all())
    return from_blocks(packed, len(x))


# Every bf16 value of at most 1, the floats around each value and each midpoint, and 2^18 others.
bf16 = floats(numpy.arange(0x3F81, dtype=numpy.uint32) << 16)
others = numpy.random.default_rng(2).uniform(-1, 1, 1 << 18).astype(numpy.float32)
tables = {"nf4": get_4bit_type("nf4", device="cpu").numpy(), "fp4": get_4bit_type("fp4", device="cpu").numpy()}
compared = 0
for kind, name in (("nf4", "nf4"), ("fp4", "bnb_fp4")):
    equal(f"{name}: values", decode(name), tables[kind])
    values = numpy.sort(tables[kind])
    x = numpy.concatenate([bf16, -bf16, others, beside(values, 40), beside((values[1:] + values[:-1]) / numpy.float32(2), 40)])
    x = x[numpy.abs(x) <= 1]
    equal(f"{name}: the kernel", encode(name, x), by_kernel(kind, x), x)
    cpu = by_cpu(kind, x)
    if kind == "nf4":
        equal("nf4: the CPU path", encode(name, x), cpu, x)
    else:
        # Midpoints, ties downward on both sides, and the codes 0 and 8 of zero by the order of a sort.
        values = decode(name)
        mine, theirs = values[encode(name, x)], values[cpu]
        differ = mine != theirs
        middle = numpy.abs(mine.astype(numpy.float64) + theirs) / 2
        away = numpy.abs(numpy.abs(x[differ]).view(numpy.int32) - middle[differ].astype(numpy.float32).view(numpy.int32))
        assert 0 < differ.sum() and away.max() <= 14, (differ.sum(), away.max())
        print(f"bnb_fp4: the CPU path differs for {differ.sum()} of {len(x)} values, at most {away.max()} units from a midpoint")
    compared += 2 * len(x)


def normal_map(bits, offset=0.9677083):
    """As QLoRA and LoftQ build it: one more positive value than negative ones."""
    half = 2 ** (bits - 1)
    positive = norm.ppf(torch.linspace(offset, 0.5, half + 1)[:-1]).tolist()
    negative = (-norm.ppf(torch.linspace(offset, 0.5, half)[:-1])).tolist()
    values = torch.Tensor(positive + [0] + negative).sort().values
    return (values / values.max()).numpy()


for bits in (4, 3, 2):
    equal(f"nf{bits}: built by torch and scipy", decode(f"nf{bits}"), normal_map(bits))
print(f"{compared} codes compared with bitsandbytes {bitsandbytes.__version__}")
