"""quantize against torchao (MX, NVFP4) and bitsandbytes (NF4, FP4).

Codes and scales must be equal bit for bit. Where a package follows another rule on purpose or rounds one step earlier,
the difference is computed, every single one must be of that kind, and their number is printed.
"""

import bitsandbytes.functional as bnb
import ml_dtypes
import numpy as np
import torch
from torchao.prototype.mx_formats import config, mx_tensor, nvfp4_tensor

from weights import FLOAT, quantize, rng, samples


def any_floats(rows=256, cols=512):
    """Finite floats of every exponent; blocks of 32 hold similar ones, so that most of them are not zero in the end."""
    exponent = rng.integers(0, 255, (rows, cols // 32, 1)) - rng.integers(0, 6, (rows, cols // 32, 32))
    bits = np.clip(exponent, 0, 254).astype(np.uint32).reshape(rows, cols) << 23
    bits |= rng.integers(0, 1 << 23, (rows, cols), dtype=np.uint32)
    bits |= rng.integers(0, 2, (rows, cols), dtype=np.uint32) << 31
    edges = rng.random((rows, cols)) < 0.1
    bits[edges] &= 0xFFC00000
    bits[rng.random((rows, cols)) < 0.02] |= 0x7FFFFF
    return bits.view(FLOAT)


def blocks_of(mask, size):
    return mask.reshape(mask.shape[0], -1, size).any(axis=2)


def check_mx():
    elements = {
        "mxfp8_e4m3": (torch.float8_e4m3fn, 448.0),
        "mxfp8_e5m2": (torch.float8_e5m2, 57344.0),
        "mxfp6_e2m3": (mx_tensor.DTYPE_FP6_E2M3, 7.5),
        "mxfp6_e3m2": (mx_tensor.DTYPE_FP6_E3M2, 28.0),
        "mxfp4": (torch.float4_e2m1fn_x2, 6.0),
    }
    modes = {"floor": "FLOOR", "ceil": "CEIL", "even": "EVEN", "rceil": "RCEIL"}
    compared, explained = 0, {"scale 2^-127": 0, "log2 rounded to a power": 0}
    data = list(samples()) + [("any floats", any_floats()) for _ in range(4)]
    for largest in sorted({largest for _, largest in elements.values()}):
        # The largest weight of a block a few units above, at or below a power of two times the largest element.
        powers = np.exp2(rng.integers(-80, 80, (64, 16)).astype(np.float64))
        near = (powers * largest * (1 + rng.integers(-2, 6, powers.shape) * 2.0**-23)).astype(FLOAT)
        data.append((f"near powers times {largest}", np.repeat(near, 32, axis=1) * rng.choice(np.array([1, -0.5, 0.25, 0.0625], FLOAT), (64, 512))))
    for name, w in data:
        for scheme, (dtype, largest) in elements.items():
            for rule, mode in modes.items():
                their_scales, their_codes = mx_tensor.to_mx(torch.from_numpy(w.copy()), dtype, 32, config.ScaleCalculationMode[mode])
                their_scales = their_scales.view(torch.uint8).numpy()
                if dtype == torch.float4_e2m1fn_x2:
                    their_codes = mx_tensor.unpack_uint4(their_codes).reshape(w.shape)
                their_codes = their_codes.view(torch.uint8).numpy().reshape(w.shape)
                codes, scales = quantize(w, scheme, rule)
                compared += codes.size
                # torch.log2 rounds to an integer what lies a few units above a power of two, and ceil keeps it there.
                other_scale = scales != their_scales
                if rule == "rceil":
                    amax = np.abs(w).reshape(w.shape[0], -1, 32).max(axis=2)
                    quotient = amax / FLOAT(largest)
                    log2 = np.ceil(torch.log2(torch.from_numpy(quotient)).numpy())
                    exact = scales.astype(int) - 127
                    known = other_scale & (log2 == exact - 1) & (quotient > np.exp2(log2.astype(np.float64)))
                    assert (known == other_scale).all(), (name, scheme, rule)
                    explained["log2 rounded to a power"] += int(known.sum())
                else:
                    assert not other_scale.any(), (name, scheme, rule, int(other_scale.sum()))
                # A block with the smallest scale is divided by 2^-126 there (not at all under rceil), and by the scale here.
                smallest = ~other_scale & (scales == 0)
                other_code = codes != their_codes
                of_smallest = other_code & np.repeat(smallest, 32, axis=1)
                explained["scale 2^-127"] += int(blocks_of(of_smallest, 32).sum())
                same_scale = np.repeat(~other_scale & ~smallest, 32, axis=1)
                assert not (other_code & same_scale).any(), (name, scheme, rule, int((other_code & same_scale).sum()))
    # NaN goes to the scale in both; torchao takes infinity for a large number.
    w = rng.standard_normal((4, 64)).astype(FLOAT)
    w[1, 40] = np.nan
    for scheme, (dtype, _) in elements.items():
        for rule, mode in modes.items():
            theirs = mx_tensor.to_mx(torch.from_numpy(w.copy()), dtype, 32, config.ScaleCalculationMode[mode])[0].view(torch.uint8).numpy()
            scales = quantize(w, scheme, rule)[1]
            assert (scales == theirs).all() and scales[1, 1] == 255
    print(f"MX: {compared} codes and their scales equal torchao's under 4 rules; explained blocks: {explained}")


def check_nvfp4():
    compared, ties, clamped = 0, {}, 0
    for name, w in list(samples()) + [("normal", rng.standard_normal((2048, 2048)).astype(FLOAT) * FLOAT(0.01)) for _ in range(4)]:
        tensor = torch.from_numpy(w.copy())
        global_scale = nvfp4_tensor.per_tensor_amax_to_scale(tensor.abs().max())
        their_scales, their_codes = nvfp4_tensor.nvfp4_quantize(tensor, 16, global_scale)
        their_scales = their_scales.view(torch.uint8).numpy()
        their_codes = mx_tensor.unpack_uint4(their_codes).numpy().reshape(w.shape)
        codes, scales, outer = quantize(w, "nvfp4")
        assert outer.view(FLOAT)[0, 0] == global_scale.numpy(), name
        # There no scale is below 2^-6 (code 8), zero blocks included; here 2^-9, and zero for zero blocks.
        low = their_scales == 8
        assert ((scales <= 8) == low).all() and (scales[~low] == their_scales[~low]).all(), name
        clamped += int((scales != their_scales).sum())
        # x * ((1 / G) / s) there, x / (s * G) here: the quotient may fall on the other side of a tie.
        g = global_scale.numpy()
        s = scales.view(ml_dtypes.float8_e4m3fn).astype(FLOAT)
        with np.errstate(divide="ignore", invalid="ignore"):
            there = w * np.repeat((FLOAT(1) / g) / s, 16, axis=1)
            here = w / np.repeat(s * g, 16, axis=1)
        different = (codes != their_codes) & ~np.repeat(low, 16, axis=1)
        middles = np.array([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0], FLOAT)
        near = (np.abs(np.abs(here)[..., None] - middles).min(axis=-1) < 1e-6) if different.any() else different
        assert (~different | (near & (there != here))).all(), name
        ties[name] = ties.get(name, 0) + int(different.sum())
        compared += int((~np.repeat(low, 16, axis=1)).sum())
    print(f"NVFP4: {compared} codes equal torchao's but those within 1e-6 of a tie: {ties}; {clamped} block scales below 2^-6, which torchao has not")
    assert ties["normal"] < 20


def check_bitsandbytes():
    for kind, scheme in (("nf4", "nf4_flat64"), ("fp4", "bnb_fp4_g64")):
        compared, different_total = 0, 0
        for name, w in samples(512, 1024):
            packed, state = bnb.quantize_4bit(torch.from_numpy(w.copy()), blocksize=64, quant_type=kind)
            packed = packed.numpy().reshape(-1)
            theirs = np.stack([packed >> 4, packed & 15], axis=1).reshape(w.shape)
            codes, scales = quantize(w, scheme)
            if kind == "fp4":  # codes 0 and 8 are both zero, and the package's backends disagree about which to use
                theirs, codes = np.where(theirs == 8, 0, theirs), np.where(codes == 8, 0, codes)
            absmax = scales.view(FLOAT).reshape(-1)
            assert (absmax == state.absmax.numpy()).all(), (kind, name)
            zero = np.repeat(absmax == 0, 64).reshape(w.shape)
            blocks = w.reshape(-1, 64)
            with np.errstate(divide="ignore", invalid="ignore"):
                there = (blocks * (FLOAT(1) / absmax)[:, None]).reshape(w.shape)
                here = (blocks / absmax[:, None]).reshape(w.shape)
            # x * (1 / absmax) there, x / absmax here: only where the quotients differ can the codes.
            different = (codes != theirs) & ~zero
            known = there != here
            if kind == "fp4":  # the compiled backends' thresholds, which lowp has, are rounded decimals of the midpoints
                pivots = np.array([0.00260417, 0.0859375, 0.20833333, 0.29166667, 0.4166667, 0.583333, 0.8333333], FLOAT)
                known |= np.abs(np.abs(here)[..., None] - pivots).min(axis=-1) < 1e-6
            assert (~different | known).all(), (kind, name, int(different.sum()))
            different_total += int(different.sum())
            compared += int((~zero).sum())
        assert different_total < compared * 2e-4
        print(f"{kind}: {compared} codes and every absmax equal bitsandbytes' but {different_total} at a threshold")


check_mx()
check_nvfp4()
check_bitsandbytes()
