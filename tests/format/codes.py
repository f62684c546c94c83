"""What the oracles of this folder share: asking the program for codes and values, and the floats worth asking about."""

import subprocess
import sys

import numpy

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else ""


def decode(name):
    """The value of every code, as float32."""
    output = subprocess.run([PROGRAM, "decode", name], check=True, stdout=subprocess.PIPE).stdout
    return numpy.frombuffer(output, numpy.float32)


def encode(name, x, rounding="nearest_even", mode="saturate", seed=0):
    """The codes of float32 values, as uint16."""
    arguments = [PROGRAM, "encode", name, rounding, mode, str(seed)]
    output = subprocess.run(arguments, check=True, input=numpy.ascontiguousarray(x, numpy.float32).tobytes(), stdout=subprocess.PIPE).stdout
    return numpy.frombuffer(output, numpy.uint16)


def floats(bits):
    return numpy.asarray(bits, numpy.uint32).view(numpy.float32)


def common_inputs():
    """Every bf16 and every f16 value, and 2^18 floats of any bit pattern."""
    bf16 = floats(numpy.arange(1 << 16, dtype=numpy.uint32) << 16)
    with numpy.errstate(all="ignore"):
        f16 = numpy.arange(1 << 16, dtype=numpy.uint16).view(numpy.float16).astype(numpy.float32)
    anything = floats(numpy.random.default_rng(1).integers(0, 1 << 32, 1 << 18, dtype=numpy.uint32))
    return numpy.concatenate([bf16, f16, anything])


def beside(values, steps=2):
    """Finite float32 values with their neighbours up to `steps` away, and all of them negated."""
    near = [numpy.asarray(values, numpy.float32)]
    for direction in (-numpy.inf, numpy.inf):
        x = near[0]
        for _ in range(steps):
            x = numpy.nextafter(x, numpy.float32(direction))
            near.append(x)
    near = numpy.concatenate(near)
    return numpy.concatenate([near, -near])


def equal(what, mine, theirs, x=None):
    """Ends the test with the first difference, if there is one."""
    mine, theirs = numpy.asarray(mine), numpy.asarray(theirs)
    assert mine.shape == theirs.shape, f"{what}: {mine.shape} against {theirs.shape}"
    wrong = numpy.flatnonzero(mine != theirs)
    if len(wrong):
        i = wrong[0]
        of = f" for {x[i]!r} ({x.view(numpy.uint32)[i]:#010x})" if x is not None else f" at {i}"
        raise AssertionError(f"{what}: {len(wrong)} of {len(mine)} differ; {mine[i]:#x} against {theirs[i]:#x}{of}")
