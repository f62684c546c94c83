"""quantize against ml_dtypes (FP8) and numpy (integers, calibrators): codes, scales and zero points bit for bit."""

import ml_dtypes
import numpy as np

from weights import FLOAT, quantize, rng, samples


def groups(w, size):
    return w.reshape(w.shape[0], -1, size)


def check_integers():
    """Round to nearest as the GPTQ code base states it, in 32-bit floats; a half-precision scale is rounded first."""
    compared = 0
    for name, w in samples():
        w = w[:, : w.shape[1] // 384 * 384]
        for scheme, bits, size, half, signed in [
            ("u8_g128", 8, 128, False, False), ("u4_g128", 4, 128, False, False), ("u3_g128", 3, 128, False, False),
            ("u2_g32", 2, 32, False, False), ("i4_g128_asymmetric", 4, 128, False, True),
            ("uint4_g128", 4, 128, True, False), ("u3_g128_f16", 3, 128, True, False), ("int2_g32", 2, 32, True, True),
        ]:
            if half and name == "rows of all sizes":
                continue
            x = groups(w, size)
            low, high = np.minimum(x.min(axis=2), 0), np.maximum(x.max(axis=2), 0)
            used = high > low
            levels = FLOAT(2**bits - 1)
            scale = (high - low) / levels
            if half:
                scale = scale.astype(np.float16).astype(FLOAT)
            lowest = FLOAT(-(2 ** (bits - 1)) if signed else 0)
            with np.errstate(divide="ignore", invalid="ignore"):
                zero = np.where(used, np.clip(np.rint(lowest - low / scale), lowest, lowest + levels), 0)
                q = np.where(used[..., None], np.clip(np.rint(x / scale[..., None]) + zero[..., None], lowest, lowest + levels), 0)
            codes, scales, zeros = quantize(w, scheme)
            mask = 2**bits - 1
            got = scales.view(np.float16).astype(FLOAT) if half else scales.view(FLOAT)
            assert (got == scale).all(), (name, scheme)
            assert (zeros == zero.astype(int) & mask).all(), (name, scheme)
            assert (groups(codes, size) == q.astype(int) & mask).all(), (name, scheme)
            compared += codes.size
        for scheme, bits, size, dtype in [("i4_g128", 4, 128, FLOAT), ("i3_g24", 3, 24, FLOAT), ("int4_g128", 4, 128, np.float16),
                                          ("int4_g32", 4, 32, np.float16), ("int3_g128", 3, 128, np.float16)]:
            if dtype == np.float16 and name == "rows of all sizes":
                continue
            x = groups(w, size)
            scale = (np.abs(x).max(axis=2) / FLOAT(2 ** (bits - 1) - 1)).astype(dtype)
            with np.errstate(divide="ignore", invalid="ignore"):
                q = np.where(scale[..., None] > 0, np.rint(x / scale.astype(FLOAT)[..., None]), 0)
            q = np.clip(q, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1).astype(int) & (2**bits - 1)
            codes, scales = quantize(w, scheme)
            assert (scales.view(dtype) == scale).all(), (name, scheme)
            assert (groups(codes, size) == q).all(), (name, scheme)
            compared += codes.size
        for scheme, axis in [("int8_tensor", None), ("int8_channel", 1)]:
            scale = np.abs(w).max(axis=axis, keepdims=True) / FLOAT(127)
            codes, scales = quantize(w, scheme)
            assert (scales.view(FLOAT) == scale).all(), (name, scheme)
            assert (codes.view(np.int8) == np.clip(np.rint(w / scale), -128, 127)).all(), (name, scheme)
            compared += codes.size
    print(f"integers: {compared} codes, their scales and zero points equal numpy's")


def check_fp8():
    compared = 0
    for name, w in samples():
        rows, cols = w.shape
        tiles = w.reshape(rows // 128, 128, cols // 128, 128)
        for scheme, amax in [("fp8_tensor", np.abs(w).max(keepdims=True)), ("fp8_channel", np.abs(w).max(axis=1, keepdims=True)),
                             ("fp8_block128", np.abs(tiles).max(axis=(1, 3)))]:
            scale = amax / FLOAT(448)
            codes, scales = quantize(w, scheme)
            assert (scales.view(FLOAT) == scale).all(), (name, scheme)
            wide = scale if scheme != "fp8_block128" else np.repeat(np.repeat(scale, 128, axis=0), 128, axis=1)
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.where(wide > 0, w / wide, 0).astype(FLOAT)
            q = np.clip(ratio, -448, 448).astype(ml_dtypes.float8_e4m3fn).view(np.uint8)
            assert (codes == q).all(), (name, scheme)
            compared += codes.size
    print(f"FP8: {compared} codes and their scales equal ml_dtypes'")


def check_calibrators():
    w = rng.standard_t(3, (64, 1024)).astype(FLOAT)
    for percent in (99.9, 99, 95.5, 80, 50):
        low, high = np.percentile(w.astype(np.float64), [100 - percent, percent])
        expected = max(-low, high) / 127
        got = quantize(w, "i8_tensor", calibrator=f"percentile:{percent}")[1].view(FLOAT)[0, 0]
        assert abs(got - expected) <= 2e-7 * abs(expected), (percent, got, expected)

    for norm in (2.0, 2.4):
        # The grid of GPTQ's quantizer, by groups of 128.
        x = groups(w, 128).astype(np.float64)
        amax = np.abs(groups(w, 128)).max(axis=2)
        best = np.full(amax.shape, np.inf)
        for i in range(80):
            shrink = FLOAT(1) - FLOAT(i) * FLOAT(0.01)
            scale = ((amax * shrink) / FLOAT(7)).astype(np.float64)[..., None]
            error = (np.abs(x - scale * np.clip(np.rint(x / scale), -8, 7)) ** norm).sum(axis=2)
            best = np.minimum(best, error)
        codes, scales = quantize(w, "i4_g128", calibrator=f"mse:{norm}")
        q = ((groups(codes, 128).astype(int) + 8) % 16 - 8) * scales.view(FLOAT).astype(np.float64)[..., None]
        got = (np.abs(x - q) ** norm).sum(axis=2)
        assert (np.abs(got - best) <= 1e-5 * best).all(), norm

    # Histogram calibration after Migacz's slides, with signed 8-bit codes.
    for values in (rng.standard_normal(1 << 16), rng.standard_t(3, 1 << 16), rng.laplace(size=1 << 16)):
        values = values.astype(FLOAT)
        bins, amax = 2048, np.abs(values).max()
        histogram = np.histogram(np.abs(values).astype(np.float64), bins, (0, float(amax)))[0].astype(np.float64)
        centres = (np.arange(bins) + 0.5) * float(amax) / bins
        divergences = {}
        for n in range(128, bins + 1, 16):
            p = histogram[:n].copy()
            p[-1] += histogram[n:].sum()
            step = float(amax) * n / bins / 127
            level = np.minimum(np.rint(centres[:n] / step), 127).astype(int)
            mass = np.bincount(level, histogram[:n], 128)
            filled = np.bincount(level, p > 0, 128)
            q = (mass / np.maximum(filled, 1))[level]
            p, q = p / p.sum(), np.maximum(q / histogram[:n].sum(), 1e-12)
            divergences[n] = (p[p > 0] * np.log(p[p > 0] / q[p > 0])).sum()
        got = quantize(values.reshape(256, 256), "i8_tensor", calibrator="entropy")[1].view(FLOAT)[0, 0] * 127
        chosen = round(float(got) / float(amax) * bins / 16) * 16
        least = min(divergences.values())
        assert divergences[chosen] <= least + 1e-6 + 0.01 * least, (chosen, divergences[chosen], least)
    print("calibrators: percentile, the MSE grid and entropy agree with numpy")


check_integers()
check_fp8()
check_calibrators()
