"""Policies of a cache against numpy: KIVI, TurboQuant, QJL and KVQuant, code by code, as their papers state them.

Random rotations and sketches come from the program as data, and are held to what they must be. Where a number lies within rounding of the
place between two codes, either is right; such numbers are few, and counted.
"""

import subprocess
import sys

import numpy as np
from scipy.special import ndtr

PROGRAM = sys.argv[1]
FLOAT = np.float32
rng = np.random.default_rng(20260101)


def policy(name, x, heads):
    """The arrays of a policy for x [rows, head size]."""
    np.ascontiguousarray(x, FLOAT).tofile("x.f32")
    subprocess.run([PROGRAM, name, str(heads), str(x.shape[0]), str(x.shape[1]), "x.f32", "p.bin"], check=True)
    data, at, arrays = open("p.bin", "rb").read(), 0, []
    while at < len(data):
        rows, cols, size = np.frombuffer(data, np.uint64, 3, at).astype(int)
        arrays.append(np.frombuffer(data, f"<u{size}", rows * cols, at + 24).reshape(rows, cols))
        at += 24 + rows * cols * size
    return arrays


def floats(bits):
    return bits.view(np.float16 if bits.dtype.itemsize == 2 else FLOAT).astype(FLOAT)


def samples(tokens, heads, size):
    """Rows of heads, [tokens * heads, size], of several shapes."""
    normal = rng.standard_normal((tokens, heads * size))
    yield "normal", normal
    yield "channels of all sizes", normal * np.exp2(rng.integers(-6, 7, (1, heads * size))) + 10 * rng.standard_normal((1, heads * size))
    yield "heavy", rng.standard_t(2, (tokens, heads * size))


def equal_codes(codes, place, thresholds, what, near=2e-5):
    """codes are those of the numbers `place` between thresholds; returns how many were too near to one to tell."""
    expected = np.searchsorted(thresholds, place, side="left")
    distance = np.abs(place[..., None] - thresholds).min(axis=-1)
    unsure = distance < near * np.maximum(1, np.abs(place))
    assert (np.abs(codes.astype(int) - expected) <= unsure).all(), what
    assert unsure.mean() < 0.005, (what, unsure.mean())
    return codes.size


def check_kivi():
    compared = 0
    for kind, x in samples(256, 1, 64):
        x = x.astype(FLOAT)
        for name, bits, by_channel, half in [
            ("kivi_keys_2", 2, True, False), ("kivi_keys_4", 4, True, False), ("kivi_keys_2_half", 2, True, True),
            ("kivi_values_2", 2, False, False), ("kivi_values_4", 4, False, False), ("kivi_values_2_half", 2, False, True),
        ]:
            # Groups of 32 numbers: [groups, 32].
            grouped = (lambda a: a.reshape(-1, 32, 64).transpose(0, 2, 1).reshape(-1, 32)) if by_channel else (lambda a: a.reshape(-1, 32))
            g = grouped(x)
            low, high = g.min(axis=1, keepdims=True), g.max(axis=1, keepdims=True)
            scale = (high - low) / FLOAT(2**bits - 1)
            codes, scales, biases = policy(name, x, 1)
            codes, scales, biases = grouped(codes), floats(scales).reshape(-1, 1), floats(biases).reshape(-1, 1)
            if half:
                scale, low = scale.astype(np.float16).astype(FLOAT), low.astype(np.float16).astype(FLOAT)
            assert (scales == scale).all() and (biases == low).all(), (kind, name)
            compared += equal_codes(codes, (g - low) / scale, np.arange(2**bits - 1) + 0.5, (kind, name), near=1e-6)
    print(f"KIVI: {compared} codes, their scales and least numbers")


def lloyd_max(bits):
    """The best numbers for a normal variable, by Lloyd's iteration."""
    x = np.linspace(-2, 2, 2**bits)
    for _ in range(20000):
        t = np.concatenate([[-np.inf], (x[1:] + x[:-1]) / 2, [np.inf]])
        density = np.exp(-t * t / 2) / np.sqrt(2 * np.pi)
        x = (density[:-1] - density[1:]) / (ndtr(t[1:]) - ndtr(t[:-1]))
    return x


def check_turboquant():
    compared = 0
    for bits, half in [(1, True), (2, False), (3, True), (4, False)]:
        table = lloyd_max(bits)
        for size in (32, 128):
            for kind, x in samples(200, 2, size):
                x = x.reshape(-1, size).astype(FLOAT)
                turn, codes, scales = policy(f"turboquant_{bits}", x, 2)
                turn = floats(turn).astype(np.float64)
                assert np.abs(turn @ turn.T - np.eye(size)).max() < 1e-5
                assert np.allclose(np.abs(turn), 1 / np.sqrt(size), rtol=1e-5)
                norm = np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
                scale = (norm / np.sqrt(size)).astype(FLOAT)
                if half:
                    scale = scale.astype(np.float16).astype(FLOAT)
                assert (floats(scales) == scale).all(), (bits, kind)
                place = (x.astype(np.float64) @ turn) / scale
                compared += equal_codes(codes, place, (table[1:] + table[:-1]) / 2, (bits, kind))
    print(f"TurboQuant: {compared} codes and their scales, tables by Lloyd's iteration")


def check_qjl():
    compared = 0
    for name, half in [("qjl", False), ("qjl_half", True)]:
        for size in (32, 64):
            for kind, x in samples(200, 2, size):
                x = x.reshape(-1, size).astype(FLOAT)
                turn, codes, scales = policy(name, x, 2)
                signs = codes.shape[1]
                sketch = floats(turn).astype(np.float64).T * signs / np.sqrt(np.pi / 2)
                for first in range(0, signs, size):
                    block = sketch[first : first + size]
                    assert np.abs(block @ block.T - size * np.eye(len(block))).max() < 1e-3
                norm = np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True).astype(FLOAT)
                assert (floats(scales) == (norm.astype(np.float16).astype(FLOAT) if half else norm)).all(), (name, kind)
                compared += equal_codes(codes, x.astype(np.float64) @ sketch.T / norm, np.zeros(1), (name, kind))
    print(f"QJL: {compared} signs and their lengths")


def check_turboquant_product():
    compared = 0
    for bits, half in [(2, True), (4, False)]:
        table = lloyd_max(bits - 1)
        for size in (32, 128):
            for kind, x in samples(200, 2, size):
                x = x.reshape(-1, size).astype(FLOAT)
                turn, sketch, codes, scales, signs, lengths = policy(f"turboquant_product_{bits}", x, 2)
                turn = floats(turn).astype(np.float64)
                sketch = floats(sketch).astype(np.float64).T * size / np.sqrt(np.pi / 2)
                assert np.abs(sketch @ sketch.T - size * np.eye(size)).max() < 1e-3
                scale = (np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True) / np.sqrt(size)).astype(FLOAT)
                if half:
                    scale = scale.astype(np.float16).astype(FLOAT)
                assert (floats(scales) == scale).all(), (bits, kind)
                compared += equal_codes(codes, (x.astype(np.float64) @ turn) / scale, (table[1:] + table[:-1]) / 2, (bits, kind))
                rest = x.astype(np.float64) - (scale * table[codes]) @ turn.T
                length = np.linalg.norm(rest, axis=1, keepdims=True)
                assert np.allclose(floats(lengths), length, rtol=6e-4 if half else 1e-5), (bits, kind)
                compared += equal_codes(signs, rest @ sketch.T / length, np.zeros(1), (bits, kind), near=1e-4)
    print(f"TurboQuant for scores: {compared} codes and signs, scales and lengths of what is left")


def check_qjl_outliers():
    compared = 0
    for size in (32, 64):
        for kind, x in samples(200, 1, size):
            x = x.astype(FLOAT)
            first, second, codes, lengths, signs, lengths_apart = policy("qjl_outliers", x, 1)
            apart = np.zeros(size, bool)
            apart[np.argsort(-(x.astype(np.float64) ** 2).sum(axis=0))[:8]] = True
            for part, turn, bits, found in [(~apart, first, codes, lengths), (apart, second, signs, lengths_apart)]:
                sketch = floats(turn).astype(np.float64).T * turn.shape[1] / np.sqrt(np.pi / 2)
                assert (np.abs(sketch).max(axis=0) > 0).tolist() == part.tolist(), kind
                length = np.linalg.norm(x[:, part].astype(np.float64), axis=1, keepdims=True)
                assert (floats(found) == length.astype(FLOAT)).all(), kind
                compared += equal_codes(bits, x.astype(np.float64) @ sketch.T / length, np.zeros(1), kind)
    print(f"QJL with channels apart: {compared} signs and their lengths")


def best_cost(numbers, weights, count):
    """The least weighted squared error of `count` numbers that stand for those of a histogram, by dynamic programming."""
    bins = 700
    edges = np.linspace(numbers.min(), numbers.max(), bins + 1)
    index = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, bins - 1)
    w, s, q = (np.concatenate([[0], np.cumsum(np.bincount(index, weights * numbers**k, bins))]) for k in range(3))
    with np.errstate(divide="ignore", invalid="ignore"):
        weight, first, second = (a[None, :] - a[:, None] for a in (w, s, q))
        cost = np.where(weight > 0, second - first**2 / weight, 0)
    cost[np.tril_indices(bins + 1, -1)] = np.inf
    least = cost[0]
    for _ in range(count - 1):
        least = (least[:, None] + cost).min(axis=0)
    return least[-1]


def check_codebook(places, values, numbers, weights, name):
    thresholds = (places[1:] + places[:-1]) / 2
    if name.endswith("even"):
        assert np.allclose(places, np.linspace(-1, 1, len(places)), atol=1e-7)
        return thresholds
    code = np.searchsorted(thresholds, numbers, side="left")
    mass = np.bincount(code, weights, len(places))
    mean = np.bincount(code, weights * numbers, len(places)) / mass
    assert np.allclose(mean, places, atol=1e-3), (name, mean, places)
    cost = (weights * (numbers - places[code]) ** 2).sum()
    least = best_cost(numbers, weights, len(places))
    assert cost < 1.01 * least, (name, cost, least)
    if name.endswith("moments"):
        decoded = values[code].astype(np.float64)
        for power in (1, 2):
            assert np.isclose(np.average(decoded**power, weights=weights), np.average(numbers**power, weights=weights), atol=2e-4), name
    else:
        assert (places == values).all()
    return thresholds


def of_numbers(shape):
    return (np.arange(np.prod(shape)) % 7).reshape(shape)


def check_outliers(listed, mask, add, what):
    expected = np.argwhere(mask)
    assert (listed[:, :2].astype(int) == expected).all(), what
    assert np.allclose(listed[:, 2], add[mask], rtol=6e-4, atol=1e-6 * np.abs(add).max()), what


def check_kvquant_keys():
    compared, heads, size = 0, 3, 32
    for name, part in [
        ("kvquant_keys_2_even", 0), ("kvquant_keys_3", 0), ("kvquant_keys_3_outliers", 0.01), ("kvquant_keys_3_capped", 0.03),
        ("kvquant_keys_2_moments", 0.01),
    ]:
        for kind, x in samples(700, heads, size):
            x = x.astype(FLOAT)
            arrays = policy(name, x.reshape(-1, size), heads)
            offsets = np.concatenate([floats(a)[0] for a in arrays[:heads]])
            scales = np.concatenate([np.diag(floats(a)) for a in arrays[heads : 2 * heads]])
            places, values = floats(arrays[2 * heads])[0], floats(arrays[2 * heads + 1])[0]
            codes, listed = arrays[2 * heads + 2], floats(arrays[-1])
            low, high = np.percentile(x.astype(np.float64), [50 * part, 100 - 50 * part], axis=0)
            assert np.allclose(offsets, (low + high) / 2, rtol=1e-5, atol=1e-5), (kind, name)
            # Percentiles are rounded to floats where they lie, which may be far from zero.
            rounding = 3e-7 * np.maximum(np.abs(low), np.abs(high))
            assert (np.abs(scales - (high - low) / 2) <= 1e-5 * scales + rounding).all(), (kind, name)
            place = (x - offsets) / scales
            apart = np.abs(place) > 1 if part else np.zeros(x.shape, bool)
            assert not part or (apart == ((x < low) | (x > high))).mean() > 0.9999
            importance = np.arange(heads * size) % 5 if name.endswith("outliers") else np.ones(heads * size)
            if name.endswith("capped"):
                importance = of_numbers(x.shape)
            weights = np.broadcast_to(importance * scales.astype(np.float64) ** 2, x.shape)
            thresholds = check_codebook(places, values, place[~apart].astype(np.float64), weights[~apart], name)
            compared += equal_codes(codes.reshape(x.shape), place, thresholds, (kind, name), near=1e-6)
            if name.endswith("capped"):
                # The farthest on either side of each token.
                kept = np.zeros(x.shape, bool)
                for side in (place, -place):
                    farthest = side.argmax(axis=1)
                    kept[np.arange(len(x)), farthest] |= side.max(axis=1) > 1
                assert (kept & ~apart).sum() == 0 and kept.sum() < apart.sum()
                apart = kept
            decoded = values[codes].reshape(x.shape)
            add = (place - decoded).reshape(-1, size)
            check_outliers(listed, apart.reshape(-1, size), add, (kind, name))
    print(f"KVQuant, keys: {compared} codes, ranges, codebooks and what is kept apart")


def check_kvquant_values():
    compared, heads, size = 0, 3, 32
    for name, part in [
        ("kvquant_values_3", 0), ("kvquant_values_4_outliers", 0.03), ("kvquant_values_3_fisher", 0.03), ("kvquant_values_2_moments", 0.03),
    ]:
        for kind, x in samples(700, heads, size):
            x = x.astype(FLOAT)
            places, values, codes, scales, biases, listed = policy(name, x.reshape(-1, size), heads)
            places, values, listed = floats(places)[0], floats(values)[0], floats(listed)
            low, high = np.percentile(x.astype(np.float64), [50 * part, 100 - 50 * part], axis=1, keepdims=True)
            apart = ((x < low) | (x > high)).reshape(-1, size)
            rows = x.reshape(-1, size)
            kept = np.ma.array(rows, mask=apart)
            least, most = kept.min(axis=1).filled()[:, None], kept.max(axis=1).filled()[:, None]
            scale = ((most - least) / FLOAT(2)).astype(np.float16).astype(FLOAT)
            bias = (least + scale).astype(np.float16).astype(FLOAT)
            assert (floats(scales) == scale).all() and (floats(biases) == bias).all(), (kind, name)
            place = (rows - bias) / scale
            weights = np.broadcast_to(scale.astype(np.float64) ** 2, rows.shape)
            if name.endswith("fisher"):
                weights = weights * of_numbers(rows.shape)
            thresholds = check_codebook(places, values, place[~apart].astype(np.float64), weights[~apart], name)
            compared += equal_codes(codes, place, thresholds, (kind, name), near=1e-6)
            check_outliers(listed, apart, rows - (scale * values[codes] + bias), (kind, name))
    print(f"KVQuant, values: {compared} codes, scales, biases, codebooks and what is kept apart")


check_kivi()
check_turboquant()
check_turboquant_product()
check_qjl()
check_qjl_outliers()
check_kvquant_keys()
check_kvquant_values()
