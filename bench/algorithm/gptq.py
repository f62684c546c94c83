"""lowp's GPTQ and Hessian beside the same algorithm in PyTorch: same layer, same Hessian, same number of threads, in turn; the best of each.

    python3 bench/algorithm/gptq.py [--size 4096] [--threads 2] [--rounds 3] [--out build/bench]

Needs torch (LOWP_BENCH_PYTHON names an interpreter that has it, else this one is used). The peer is written after the paper
(Frantar et al. 2022, arXiv 2210.17323, algorithm 1) as its authors' program works: three factorizations for the factor of the inverse,
blocks of 128 columns, groups of 128 with zero points fitted on the way. Both make the same codes but for ties; the share that
agrees is printed. Builds gptq.cpp with $CXX and without any -march.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


def build(out):
    program = out / "gptq"
    command = [os.environ.get("CXX", "g++"), "-std=c++20", "-O3", "-DNDEBUG", f"-I{HERE.parents[1] / 'include'}", str(HERE / "gptq.cpp")]
    subprocess.run([*command, "-o", str(program), "-pthread"], check=True)
    return program


def best_of(rounds, work):
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def factors(torch, h):
    h = h.clone()
    n = h.shape[0]
    diagonal = torch.arange(n)
    h[diagonal, diagonal] += 0.01 * torch.mean(torch.diag(h))
    h = torch.linalg.cholesky(h)
    h = torch.cholesky_inverse(h)
    return torch.linalg.cholesky(h, upper=True)


def fit(torch, w):
    low, high = w.amin(1).clamp(max=0), w.amax(1).clamp(min=0)
    scale = (high - low) / 15
    return scale, torch.round(-low / scale)


def gptq(torch, w, h, block=128, group=128):
    w = w.clone()
    rows, cols = w.shape
    inverse = factors(torch, h)
    codes = torch.zeros_like(w, dtype=torch.uint8)
    for first in range(0, cols, block):
        end = min(first + block, cols)
        own, errors, upper = w[:, first:end].clone(), torch.zeros(rows, end - first), inverse[first:end, first:end]
        for i in range(end - first):
            column = own[:, i]
            if (first + i) % group == 0:
                scale, zero = fit(torch, w[:, first + i : first + i + group])
            q = torch.clamp(torch.round(column / scale) + zero, 0, 15)
            codes[:, first + i] = q
            error = (column - scale * (q - zero)) / upper[i, i]
            own[:, i:] -= error.unsqueeze(1).matmul(upper[i, i:].unsqueeze(0))
            errors[:, i] = error
        w[:, end:] -= errors.matmul(inverse[first:end, end:])
    return codes


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    a = parser.parse_args()
    python = os.environ.get("LOWP_BENCH_PYTHON")
    if python and "LOWP_BENCH_CHILD" not in os.environ:
        sys.exit(subprocess.run([python, *sys.argv], env={**os.environ, "LOWP_BENCH_CHILD": "1"}).returncode)
    import numpy as np
    import torch

    torch.set_num_threads(a.threads)
    torch.set_grad_enabled(False)
    a.out.mkdir(parents=True, exist_ok=True)
    program = build(a.out)
    generator = torch.Generator().manual_seed(7)
    n = a.size
    w = torch.randn((n, n), generator=generator) * 0.05
    x = torch.randn((2 * n, n), generator=generator)
    for c in range(1, n):
        x[:, c] = 0.7 * x[:, c - 1] + 0.7 * x[:, c]
    h = 2 / len(x) * x.T @ x
    w.numpy().tofile(a.out / "w.f32")
    h.numpy().tofile(a.out / "h.f32")
    names = [program, n, a.tokens, a.threads, a.out / "w.f32", a.out / "h.f32", a.out / "codes.bin"]
    tokens = x[: a.tokens].contiguous()
    codes = gptq(torch, w, h)
    ours, theirs = {}, {}
    for _ in range(a.rounds):
        printed = subprocess.run([str(v) for v in names], check=True, capture_output=True, text=True).stdout
        for name, seconds in (line.split() for line in printed.splitlines()):
            ours[name] = min(ours.get(name, 1e9), float(seconds))
        peers = {"gptq": lambda: gptq(torch, w, h), "factors": lambda: factors(torch, h), "hessian,f32": lambda: tokens.T @ tokens}
        for name, work in peers.items():
            theirs[name] = min(theirs.get(name, 1e9), best_of(2, work))
        time.sleep(0.5)  # torch's threads spin for a while
    same = (codes.numpy() == np.fromfile(a.out / "codes.bin", np.uint8).reshape(n, n)).mean()
    print(f"GPTQ of {n} x {n} and a Hessian of {a.tokens} tokens, {a.threads} threads, torch {torch.__version__}; equal codes {same:.4f}\n")
    print("| part | lowp s | torch s | ratio |\n| --- | --- | --- | --- |")
    for name, seconds in ours.items():
        peer = theirs.get(name)
        print(f"| {name} | {seconds:.3f} | {f'{peer:.3f}' if peer else ''} | {f'{peer / seconds:.2f}' if peer else ''} |")


if __name__ == "__main__":
    main()
