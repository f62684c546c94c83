"""GPTQ and GPTAQ against references in doubles, written from the papers (Frantar et al. 2022, arXiv 2210.17323, algorithm 1;
Li et al. 2025, arXiv 2504.02692, algorithm 1).

The reference inverts the Hessian, takes its upper Cholesky factor and walks over the columns one by one; it knows the
schemes by their definitions alone. Codes must be equal and the error of the layer's output within 1e-4. Sums in another
order may move a weight across a tie, after which the rest of its row differs: the first code of a row that differs must
lie within 1e-3 steps of a tie (or under a scale rounded the other way), and such rows must be few.
"""

import subprocess
import sys

import ml_dtypes
import numpy as np

PROGRAM = sys.argv[1]
FLOAT = np.float32
NF4 = np.array([
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
    0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
])
E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])


def nearest(values, x):
    """The index of the nearest value; ties are rare enough here."""
    return np.abs(values[None, :] - x[:, None]).argmin(axis=1)


class Integers:
    def __init__(self, bits, asymmetric, half):
        self.top, self.asymmetric, self.half, self.bits = 2**bits - 1, asymmetric, half, bits

    def fit(self, group, whole):
        if self.asymmetric:
            low, high = np.minimum(group.min(axis=1), 0), np.maximum(group.max(axis=1), 0)
            self.scale = ((high - low) / self.top).astype(FLOAT).astype(np.float64)
            self.zero = np.clip(np.rint(-low / self.scale), 0, self.top)
        else:
            self.scale = np.abs(group).max(axis=1) / (2 ** (self.bits - 1) - 1)
            self.scale = self.scale.astype(np.float16 if self.half else FLOAT).astype(np.float64)

    def quantize(self, x):
        q = np.rint(x / self.scale)
        if self.asymmetric:
            q = np.clip(q + self.zero, 0, self.top)
            return q.astype(int), self.scale * (q - self.zero)
        q = np.clip(q, -(2 ** (self.bits - 1)), 2 ** (self.bits - 1) - 1)
        return q.astype(int) & self.top, self.scale * q


class Codebook:
    def __init__(self, values, kind):
        self.values, self.kind = values, kind

    def fit(self, group, whole):
        amax = np.abs(group).max(axis=1)
        if self.kind == "f32":
            self.scale = amax.astype(FLOAT).astype(np.float64)
        elif self.kind == "mx":
            self.scale = np.exp2(np.floor(np.log2(amax)) - 2)
        else:
            outer = np.float64(FLOAT(np.abs(whole).max() / 2688))
            self.scale = np.minimum(amax / 6 / outer, 448).astype(ml_dtypes.float8_e4m3fn).astype(np.float64) * outer

    def quantize(self, x):
        q = nearest(self.values, x / self.scale)
        q = np.where((q == 0) & (x < 0) & (self.kind != "f32"), 8, q)  # minus zero has a code of its own
        return q, self.scale * self.values[q]


SCHEMES = {
    "int4_g128": (128, lambda: Integers(4, False, True)),
    "u3_g128": (128, lambda: Integers(3, True, False)),
    "u4_channel": (None, lambda: Integers(4, True, False)),
    "nf4_g64": (64, lambda: Codebook(NF4, "f32")),
    "nvfp4": (16, lambda: Codebook(E2M1, "nv")),
    "mxfp4": (32, lambda: Codebook(E2M1, "mx")),
}


def reference(w, h, scheme, options, mismatch=None):
    size, make = SCHEMES[scheme]
    w, h = w.astype(np.float64).copy(), h.astype(np.float64).copy()
    rows, cols = w.shape
    size = size or cols
    act_order = "a" in options
    static = act_order or "s" in options
    dead = np.diag(h) == 0
    damp = 0.01 * np.diag(h).mean()
    h[dead, dead] = 1
    w[:, dead] = 0
    whole = w.copy()
    h[np.arange(cols), np.arange(cols)] += damp
    order = np.argsort(-(np.diag(h)), kind="stable") if act_order else np.arange(cols)
    if "g" in options:
        groups = [np.arange(first, min(first + size, cols)) for first in range(0, cols, size)]
        groups = [g[np.argsort(-np.diag(h)[g], kind="stable")] for g in groups]
        groups.sort(key=lambda g: -h[g[0], g[0]])
        order = np.concatenate(groups)
    quantizers = []
    for first in range(0, cols, size):
        q = make()
        q.fit(w[:, first : first + size], whole)
        quantizers.append(q)
    w, h = w[:, order], h[order][:, order]
    upper = np.linalg.cholesky(np.linalg.inv(h)).T
    share = np.zeros((cols, cols))
    if mismatch is not None:
        d = mismatch.astype(np.float64).copy()
        d[dead], d[:, dead] = 0, 0
        share = 0.25 * np.triu(d[order][:, order] @ upper.T, 1) @ upper
    place, fitted = np.argsort(order), set()
    codes, values, ties = np.empty((rows, cols), int), np.empty((rows, cols)), np.empty((rows, cols), bool)
    for i, column in enumerate(order):
        group = column // size
        if not static and group not in fitted:
            fitted.add(group)
            quantizers[group].fit(w[:, place[group * size : (group + 1) * size]], whole)
        codes[:, column], values[:, column] = quantizers[group].quantize(w[:, i])
        step = 1e-3 * np.abs(quantizers[group].scale)
        ties[:, column] = quantizers[group].quantize(w[:, i] + step)[0] != quantizers[group].quantize(w[:, i] - step)[0]
        error = (w[:, i] - values[:, column]) / upper[i, i]
        w[:, i:] -= np.outer(error, upper[i, i:]) - np.outer(w[:, i], share[i, i:])
    return codes, values, ties, order


def lowp_gptq(w, h, scheme, options, mismatch=None):
    w.tofile("w.f32")
    h.tofile("h.f32")
    more = []
    if mismatch is not None:
        mismatch.tofile("d.f32")
        more = ["d.f32"]
    subprocess.run([PROGRAM, scheme, options, "-", str(w.shape[0]), str(w.shape[1]), "w.f32", "q.bin", "h.f32", *more], check=True)
    data, at, arrays = open("q.bin", "rb").read(), 0, []
    while at < len(data):
        rows, cols, width = np.frombuffer(data, np.uint64, 3, at).astype(int)
        arrays.append(np.frombuffer(data, f"<u{width}", rows * cols, at + 24).reshape(rows, cols))
        at += 24 + rows * cols * width
    codes, scales = arrays[0], arrays[1]
    size = SCHEMES[scheme][0] or w.shape[1]
    if scheme == "int4_g128":
        scale, values = scales.view(np.float16), (codes.astype(int) + 8) % 16 - 8
    elif scheme in ("u3_g128", "u4_channel"):
        scale, values = scales.view(FLOAT), codes.astype(int) - np.repeat(arrays[2], size, axis=1)[:, : w.shape[1]].astype(int)
    elif scheme == "nf4_g64":
        scale, values = scales.view(FLOAT), NF4[codes]
    elif scheme == "mxfp4":
        scale, values = np.exp2(scales.astype(int) - 127), E2M1[codes]
    else:
        scale, values = scales.view(ml_dtypes.float8_e4m3fn).astype(np.float64) * arrays[2].view(FLOAT)[0, 0], E2M1[codes]
    return codes, values * np.repeat(scale.astype(np.float64), size, axis=1)[:, : w.shape[1]]


def output_error(w, q, h):
    d = w.astype(np.float64) - q
    return np.einsum("ri,ij,rj->", d, h.astype(np.float64), d, optimize=True)


rng = np.random.default_rng(7)
for rows, cols, dead in [(48, 256, 0), (32, 384, 5), (16, 200, 0)]:
    mix = rng.standard_normal((cols, cols)) * np.exp(-np.abs(np.subtract.outer(np.arange(cols), np.arange(cols))) / 20)
    x = (rng.standard_normal((2048, cols)) @ mix).astype(FLOAT)
    x[:, rng.choice(cols, dead, replace=False)] = 0
    h = (2 / len(x) * (x.T.astype(np.float64) @ x)).astype(FLOAT)
    w = (rng.standard_normal((rows, cols)) * 0.05).astype(FLOAT)
    y = x + (0.1 * rng.standard_normal(x.shape) + 0.05 * x @ mix / np.sqrt(cols)).astype(FLOAT)
    d = (2 / len(x) * ((y - x).T.astype(np.float64) @ x)).astype(FLOAT)
    for scheme in SCHEMES:
        for options in ("-", "s", "a", "g", "gs", "q-", "qa"):
            mismatch = d if "q" in options else None
            codes, values = lowp_gptq(w, h, scheme, options, mismatch)
            expected, expected_values, ties, order = reference(w, h, scheme, options, mismatch)
            same = (codes == expected).all(axis=1)
            for r in np.flatnonzero(~same):
                first = order[np.flatnonzero(codes[r, order] != expected[r, order])[0]]
                group = slice(first // 16 * 16, first // 16 * 16 + 16)
                both = (codes[r, group] == expected[r, group]) & (expected_values[r, group] != 0)
                other_scale = (np.abs(values[r, group][both] / expected_values[r, group][both] - 1) > 1e-5).any()
                assert ties[r, first] or other_scale, (scheme, options, r, first)
            ours, theirs = output_error(w[same], values[same], h), output_error(w[same], expected_values[same], h)
            print(f"{rows} x {cols} {scheme:10s} {options:2s}: rows with equal codes {same.sum()}, their output error {ours / theirs - 1:+.1e}")
            assert same.mean() >= 0.85 and abs(ours / theirs - 1) < 1e-4
