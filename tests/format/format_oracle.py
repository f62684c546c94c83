"""Every format against ml_dtypes and numpy: all codes, all bf16 and f16 values, the floats around every threshold, and
any others, in both overflow modes and in every rounding.

Nearest rounding is theirs. The other roundings are taken here, in float64, from their tables of values.
"""

import ml_dtypes
import numpy
from scipy.stats import norm

from codes import beside, common_inputs, decode, encode, equal

numpy.seterr(all="ignore")
FLOATS = {  # name: dtype, bits, the code of NaN in a format without it
    "e4m3": (ml_dtypes.float8_e4m3fn, 8, None),
    "e5m2": (ml_dtypes.float8_e5m2, 8, None),
    "e4m3fnuz": (ml_dtypes.float8_e4m3fnuz, 8, None),
    "e5m2fnuz": (ml_dtypes.float8_e5m2fnuz, 8, None),
    "e3m2": (ml_dtypes.float6_e3m2fn, 6, 0x1F),
    "e2m3": (ml_dtypes.float6_e2m3fn, 6, 0x1F),
    "e2m1": (ml_dtypes.float4_e2m1fn, 4, 0x7),
    "e8m0": (ml_dtypes.float8_e8m0fnu, 8, None),
    "ieee_e4m3": (ml_dtypes.float8_e4m3, 8, None),
    "ieee_e3m4": (ml_dtypes.float8_e3m4, 8, None),
    "e4m3b11fnuz": (ml_dtypes.float8_e4m3b11fnuz, 8, None),
    "bf16": (ml_dtypes.bfloat16, 16, None),
    "f16": (numpy.float16, 16, None),
}
INTEGERS = {"i2": (-2, 1), "i3": (-4, 3), "i4": (-8, 7), "i8": (-128, 127), "u2": (0, 3), "u3": (0, 7), "u4": (0, 15), "u8": (0, 255)}
INPUTS = common_inputs()
compared = 0


def check(what, mine, theirs, x):
    global compared
    compared += len(x)
    equal(what, mine, theirs, x)


def their_values(name):
    dtype, bits, _ = FLOATS[name]
    codes = numpy.arange(1 << bits, dtype=numpy.uint16 if bits == 16 else numpy.uint8)
    return codes.view(dtype).astype(numpy.float32)


def check_decode(name, mine, theirs):
    nan = numpy.isnan(theirs)
    equal(f"{name}: which codes are NaN", numpy.isnan(mine), nan)
    check(f"{name}: values", mine.view(numpy.uint32)[~nan], theirs.view(numpy.uint32)[~nan], mine[~nan])


def inputs_for(values):
    """The common inputs, and what lies around each value, each midpoint and the first overflow."""
    v = numpy.unique(values[numpy.isfinite(values)].astype(numpy.float64))
    step = v[-1] - v[-2]
    v = numpy.concatenate([v, [v[-1] + step / 2, v[-1] + step]])
    with numpy.errstate(over="ignore"):
        return numpy.concatenate([INPUTS, beside(v.astype(numpy.float32)), beside(((v[1:] + v[:-1]) / 2).astype(numpy.float32))])


def their_codes(name, x, saturate):
    dtype, bits, nan_code = FLOATS[name]
    code_type = numpy.uint16 if bits == 16 else numpy.uint8
    v = their_values(name)
    y = x
    if saturate:
        y = numpy.clip(x, v[numpy.isfinite(v)].min(), v[numpy.isfinite(v)].max())
    codes = y.astype(dtype).view(code_type).astype(numpy.uint16)
    nan = numpy.isnan(x)
    if name == "e8m0":  # where ml_dtypes does not go to the nearer power
        down = (x > 2.0**-127) & (x < 1.5 * 2.0**-127)
        assert (codes[down] == 1).all()
        codes[down] = 0
    if nan_code is not None:
        codes[nan] = nan_code
    elif bits == 16:  # a 16-bit cast keeps some of the payload
        codes[nan] = numpy.where(numpy.signbit(x[nan]), 0x8000, 0) | (0x7E00 if name == "f16" else 0x7FC0)
    return codes


def rounded(x, values, rounding, draws=None):
    """The values, out of an ascending table, that numbers within its range become: in float64, by their position."""
    x = x.astype(numpy.float64)
    low = numpy.clip(numpy.searchsorted(values, x, side="right") - 1, 0, len(values) - 2)
    inner = numpy.where(x >= 0, values[low], values[low + 1])
    outer = numpy.where(x >= 0, values[low + 1], values[low])
    position = (x - inner) / (outer - inner)
    away = {
        "toward_zero": lambda: position >= 1,
        "away_from_zero": lambda: position > 0,
        "half_away": lambda: position >= 0.5,
        "stochastic": lambda: numpy.floor(position * 4294967296.0) > draws,
    }[rounding]()
    return numpy.where(away, outer, inner)


def philox(seed, count):
    """Philox 2x32-10 of Random123 for counters 0, 1, ...: the first word."""
    mask, multiplier = numpy.uint64(0xFFFFFFFF), numpy.uint64(0xD256D193)
    index = numpy.arange(count, dtype=numpy.uint64)
    low, high = index & mask, (index >> numpy.uint64(32)) ^ numpy.uint64(seed >> 32)
    key = seed & 0xFFFFFFFF
    for _ in range(10):
        product = multiplier * low
        low, high = (product >> numpy.uint64(32)) ^ numpy.uint64(key) ^ high, product & mask
        key = (key + 0x9E3779B9) & 0xFFFFFFFF
    return low.astype(numpy.float64)


def check_roundings(name, values, x):
    """The directed roundings and the stochastic one, where the result is a number."""
    table = numpy.unique(values[numpy.isfinite(values)].astype(numpy.float64))
    x = x[numpy.isfinite(x) & (x >= table[0]) & (x <= table[-1])]
    mine = decode(name)
    for rounding in ("toward_zero", "away_from_zero", "half_away"):
        theirs = rounded(x, table, rounding).astype(numpy.float32)
        for mode in ("saturate", "propagate"):
            check(f"{name}, {rounding}", mine[encode(name, x, rounding, mode)] + 0.0, theirs + 0.0, x)
    for seed in (0, 1, 0x123456789ABCDEF0):
        theirs = rounded(x, table, "stochastic", philox(seed, len(x))).astype(numpy.float32)
        check(f"{name}, stochastic, seed {seed}", mine[encode(name, x, "stochastic", "saturate", seed)] + 0.0, theirs + 0.0, x)
        again = encode(name, x, "stochastic", "saturate", seed)
        equal(f"{name}, stochastic, a second time", again, encode(name, x, "stochastic", "saturate", seed))


def check_float(name):
    values = their_values(name)
    check_decode(name, decode(name), values)
    x = inputs_for(values)
    for mode in ("propagate", "saturate"):
        check(f"{name}, {mode}", encode(name, x, "nearest_even", mode), their_codes(name, x, mode == "saturate"), x)
    check_roundings(name, values, x)


def check_integer(name, low, high):
    bits = (high - low).bit_length()
    codes = numpy.arange(1 << bits)
    values = numpy.where(codes > high, codes - (1 << bits), codes).astype(numpy.float32)
    theirs = {"i2": "int2", "i4": "int4", "u2": "uint2", "u4": "uint4"}.get(name)
    if theirs:
        equal(f"{name}: values", codes.astype(numpy.uint8).view(getattr(ml_dtypes, theirs)).astype(numpy.float32), values)
    check_decode(name, decode(name), values)
    x = inputs_for(values)
    for rounding, function in (("nearest_even", numpy.rint), ("toward_zero", numpy.trunc)):
        expected = numpy.clip(function(x), low, high)
        expected[numpy.isnan(x)] = high
        expected = (expected.astype(numpy.int32) & ((1 << bits) - 1)).astype(numpy.uint16)
        for mode in ("propagate", "saturate"):
            check(f"{name}, {rounding}, {mode}", encode(name, x, rounding, mode), expected, x)
    check_roundings(name, values, x)


def normal_map(bits, offset=0.9677083):
    """The NormalFloat table of QLoRA and LoftQ. Their torch.linspace in float32 starts from both ends, which
    bitsandbytes_oracle.py confirms."""

    def upper_quantiles(n):
        start, end = numpy.float32(offset), numpy.float32(0.5)
        step = (end - start) / numpy.float32(n - 1)
        return [start + step * numpy.float32(i) if i < n // 2 else end - step * numpy.float32(n - 1 - i) for i in range(n - 1)]

    half = 2 ** (bits - 1)
    positive = norm.ppf(numpy.array(upper_quantiles(half + 1), numpy.float64))
    negative = -norm.ppf(numpy.array(upper_quantiles(half), numpy.float64))
    values = numpy.sort(numpy.concatenate([positive, [0], negative]).astype(numpy.float32))
    return values / values.max()


def check_codebook(name, values):
    equal(f"{name}: values", decode(name), values)
    x = inputs_for(values)
    middle = ((values[1:] + values[:-1]) / numpy.float32(2)).astype(numpy.float32)
    expected = numpy.searchsorted(middle, x, side="left").astype(numpy.uint16)
    expected[numpy.isnan(x)] = len(values) - 1
    check(f"{name}, nearest", encode(name, x), expected, x)
    # Positions between these values are no short binary fractions: float64 may be off by one in 2^32, which no draw met.
    check_roundings(name, values, x)


for name in FLOATS:
    check_float(name)
for name, (low, high) in INTEGERS.items():
    check_integer(name, low, high)
for bits in (4, 3, 2):
    check_codebook(f"nf{bits}", normal_map(bits))
print(f"{len(FLOATS) + len(INTEGERS) + 3} formats, {compared} codes and values compared with ml_dtypes {ml_dtypes.__version__} and numpy {numpy.__version__}")
