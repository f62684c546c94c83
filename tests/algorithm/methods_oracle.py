"""AWQ, SmoothQuant, HQQ, OBQ, LLM.int8() and the calibration statistics against references in doubles, written from the papers.

Losses are measured on the inputs themselves, where the library has their Hessian; OBQ inverts what is left of the Hessian anew in
every step. Codes must be equal but for ties, and objectives within 1e-4.
"""

import subprocess
import sys

import numpy as np

PROGRAM = sys.argv[1]
FLOAT = np.float32
GROUP, TOP = 32, 15


def lowp(method, w, x):
    w.tofile("w.f32")
    x.tofile("x.f32")
    subprocess.run([PROGRAM, method, *map(str, w.shape), str(len(x)), "w.f32", "x.f32", "out.f32"], check=True)
    return np.fromfile("out.f32", FLOAT).astype(np.float64)


def groups(w):
    return w.reshape(w.shape[0], -1, GROUP)


def fit(g):
    # In floats, since a group clipped on both sides has its zero point exactly between two integers.
    g = g.astype(FLOAT)
    low, high = np.minimum(g.min(-1, keepdims=True), 0), np.maximum(g.max(-1, keepdims=True), 0)
    scale = (high - low) / FLOAT(TOP)
    return scale.astype(np.float64), np.clip(np.rint(-low / scale), 0, TOP).astype(np.float64)


def rounded(g, scale, zero):
    q = np.clip(np.rint((g.astype(FLOAT) / scale.astype(FLOAT)).astype(np.float64)) + zero, 0, TOP)
    return q, scale * (q - zero)


def nearest(w):
    g = groups(w)
    return rounded(g, *fit(g))[1].reshape(w.shape)


def loss(w, v, x):
    return 2 * (((w - v) @ x.T) ** 2).sum() / len(x)


def check_awq(w, x, with_weights):
    got = lowp("awq" if with_weights else "awq_inputs", w, x)
    scales, (ratio, best, unscaled) = got[: w.shape[1]], got[w.shape[1] :]
    w, x = w.astype(np.float64), x.astype(np.float64)
    inputs = np.abs(x).mean(0)
    relative = (np.abs(groups(w)) / (np.abs(groups(w)).max(-1, keepdims=True) + 1e-6)).reshape(w.shape).mean(0)
    found = [(loss(w, nearest(w), x), -1, np.ones(w.shape[1]))]
    for i in range(20):
        r = i / 20
        s = np.maximum(inputs**r / (relative ** (1 - r) + 1e-4) if with_weights else inputs**r, 1e-4)
        s = (s / np.sqrt(s.max() * s.min())).astype(FLOAT).astype(np.float64)
        found.append((loss(w, nearest((w * s).astype(FLOAT).astype(np.float64)) / s, x), r, s))
    expected = min(found, key=lambda f: f[0])
    print(f"AWQ: ratio {ratio:.2f} (expected {expected[1]:.2f}), loss {best:.6g} ({best / expected[0] - 1:+.1e}) of {unscaled:.6g}")
    assert abs(unscaled / found[0][0] - 1) < 1e-4 and abs(best / expected[0] - 1) < 1e-4
    assert abs(ratio - expected[1]) < 1e-6 and np.allclose(scales, expected[2], rtol=1e-5)
    assert best < unscaled


def check_clip(w, x):
    got = lowp("clip", w, x).reshape(w.shape)
    w, x = w.astype(np.float64), x.astype(np.float64)
    best, expected = None, None
    for i in range(10):
        limit = (np.abs(groups(w)).max(-1, keepdims=True).astype(FLOAT) * (FLOAT(1) - FLOAT(i) / FLOAT(20))).astype(np.float64)
        cut = np.clip(groups(w), -limit, limit)
        off = groups(w) - rounded(cut, *fit(cut))[1]
        error = np.einsum("rgk,tgk->rgt", off, x.reshape(len(x), -1, GROUP))
        error = (error**2).sum(-1, keepdims=True)
        if best is None:
            best, expected = error, cut
        expected = np.where(error < best, cut, expected)
        best = np.minimum(error, best)
    same = np.abs(groups(got) - expected).max(-1) < 1e-6
    off = groups(w) - rounded(groups(got), *fit(groups(got)))[1]
    ours = (np.einsum("rgk,tgk->rgt", off, x.reshape(len(x), -1, GROUP)) ** 2).sum()
    print(f"AWQ clipping: {same.mean():.4f} of groups alike, error {ours / best.sum() - 1:+.1e}")
    assert same.mean() > 0.99 and abs(ours / best.sum() - 1) < 1e-4


def check_hqq(w, x):
    got = lowp("hqq", w, x)
    codes, values = got[: w.size].reshape(groups(w).shape), got[w.size :].reshape(groups(w).shape)
    g = groups(w.astype(np.float64))
    span = g.max(-1, keepdims=True) - g.min(-1, keepdims=True)
    s = np.minimum(TOP / span, 2e4)
    zero = np.rint(-g.min(-1, keepdims=True) * s)
    best = np.inf
    for _ in range(20):
        q = np.clip(np.rint(g * s + zero), 0, TOP)
        off = g - (q - zero) / s
        size = np.abs(off)
        shrunk = np.sign(off) * np.maximum(0, size - np.where(size > 0, size, 1) ** (0.7 - 1) / 10)
        zero = (q - (g - shrunk) * s).mean(-1, keepdims=True)
        if size.mean() >= best:
            break
        best = size.mean()
    expected = np.clip(np.rint(g * s + zero), 0, TOP)
    same = (codes == expected).mean()
    ours, theirs = (np.abs(g - values) ** 0.7).sum(), (np.abs(g - (expected - zero) / s) ** 0.7).sum()
    before = (np.abs(g - nearest(w.astype(np.float64)).reshape(g.shape)) ** 0.7).sum()
    print(f"HQQ: {same:.5f} of codes alike, objective {ours / theirs - 1:+.1e}, by rounding {before / theirs:.3f} times as much")
    assert same > 0.9995 and abs(ours / theirs - 1) < 1e-4 and theirs < before


def check_obq(w, x, by_column):
    got = lowp("obq_by_column" if by_column else "obq", w, x)
    codes = got[: w.size].reshape(w.shape)
    values = got[w.size :].reshape(w.shape)
    w, x = w.astype(np.float64), x.astype(np.float64)
    h = (2 / len(x) * x.T @ x).astype(FLOAT).astype(np.float64)
    damped = h + 0.01 * np.diag(h).mean() * np.eye(len(h))
    scale, zero = fit(groups(w))
    scale, zero = (np.repeat(v[..., 0], GROUP, axis=1) for v in (scale, zero))
    expected = np.zeros_like(w)
    for r in range(len(w)):
        left, own = list(range(w.shape[1])), w[r].copy()
        while left:
            inverse = np.linalg.inv(damped[np.ix_(left, left)])
            _, v = rounded(own[left], scale[r, left], zero[r, left])
            i = 0 if by_column else int(((own[left] - v) ** 2 / np.diag(inverse)).argmin())
            c = left[i]
            expected[r, c] = rounded(own[c], scale[r, c], zero[r, c])[0]
            own[left] -= (own[c] - v[i]) / inverse[i, i] * inverse[i]
            left.pop(i)
    same = (codes == expected).all(1).mean()
    reached = loss(w, scale * (expected - zero), x)
    print(f"OBQ{' by column' if by_column else ''}: {same:.3f} of rows alike, loss {loss(w, values, x) / reached - 1:+.1e}")
    assert same > 0.9 and abs(loss(w, values, x) / reached - 1) < 1e-3


def check_smooth(w, x):
    got = lowp("smooth", w, x)
    expected = np.maximum(np.abs(x).max(0), 1e-5).astype(np.float64) ** 0.6 / np.maximum(np.abs(w).max(0), 1e-5).astype(np.float64) ** 0.4
    print(f"SmoothQuant: scales {np.abs(got / expected - 1).max():.1e} apart")
    assert np.allclose(got, expected, rtol=1e-6)


def check_llm_int8(w, x):
    got = lowp("llm_int8", w, x)
    count, y = int(got[-1]), got[:-1].reshape(len(x), len(w))
    outliers = (np.abs(x) >= 6).any(0)
    rest = np.where(outliers, 0, x).astype(np.float64)
    x_scale = (np.abs(rest).max(1, keepdims=True).astype(FLOAT) / FLOAT(127)).astype(np.float64)
    w_scale = (np.abs(w).max(1, keepdims=True) / FLOAT(127)).astype(np.float64)
    x_codes, w_codes = np.rint(rest / x_scale), np.rint(w / w_scale)
    expected = x_scale * (x_codes @ w_codes.T) * w_scale.T + x[:, outliers].astype(np.float64) @ (w_codes * w_scale)[:, outliers].T
    size = np.abs(expected).max()
    exact = x.astype(np.float64) @ w.T.astype(np.float64)
    plain_scale = np.abs(x).max(1, keepdims=True) / 127
    plain = plain_scale * np.rint(x / plain_scale) @ (w_codes * w_scale).T
    gain = np.abs(plain - exact).mean() / np.abs(y - exact).mean()
    print(f"LLM.int8(): {count} columns of outliers, {np.abs(y - expected).max() / size:.1e} apart, error {gain:.1f} times less than without")
    assert count == outliers.sum() and np.abs(y - expected).max() < 1e-5 * size and gain > 2


def check_statistics(w, x):
    got = lowp("statistics", w, x)
    x = x.astype(np.float64)
    expected = np.concatenate([np.abs(x).max(0), np.abs(x).mean(0), (x * x).mean(0)])
    assert np.allclose(got[:-1], expected, rtol=1e-6)
    assert 1 <= got[-1] / np.sort(np.abs(x).ravel())[int(np.ceil(0.99 * x.size)) - 1] < 1.01


rng = np.random.default_rng(11)
for rows, cols, tokens in [(48, 128, 512), (16, 64, 300)]:
    mix = rng.standard_normal((cols, cols)) * np.exp(-np.abs(np.subtract.outer(np.arange(cols), np.arange(cols))) / 10)
    x = (rng.standard_normal((tokens, cols)) @ mix).astype(FLOAT)
    x /= x.std()
    x[:, 5::23] *= 12
    w = (rng.standard_normal((rows, cols)) * 0.05).astype(FLOAT)
    check_awq(w, x, True)
    check_awq(w, x, False)
    check_clip(w, x)
    check_hqq((rng.standard_t(4, (rows, cols)) * 0.05).astype(FLOAT), x)
    check_smooth(w, x)
    check_llm_int8(w, np.where(np.arange(cols) % 23 == 5, x, np.clip(x, -3, 3)).astype(FLOAT))
    check_statistics(w, x)
    check_obq(w[:12], x, False)
    check_obq(w[:12], x, True)
