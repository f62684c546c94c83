"""lowp's NF4 on one core beside bitsandbytes on the CPU: same shapes, blocks of 64 with f32 scales, one thread, in turn.

    python3 bench/peers/nf4_quantize.py [--cols 4096] [--rounds 5] [--out build/bench]

Installs bitsandbytes, torch and numpy into a virtual environment under --out (LOWP_BENCH_PYTHON names an interpreter that
has them already), builds nf4_quantize.cpp with $CXX and without any -march, and lets the two take turns: each round is
lowp, then bitsandbytes; each figure is the median of a round's calls in processor time, and the table has the median of
the rounds. lowp writes into memory that is there already; bitsandbytes allocates its results, as its interface has it.
Writes nf4_quantize.md and nf4_quantize.csv into --out.
"""

import argparse
import csv
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROWS = (128, 1024)


def environment(out):
    """Runs this script again, with one thread, under an interpreter that has bitsandbytes."""
    python = os.environ.get("LOWP_BENCH_PYTHON")
    if not python:
        python = out / "venv" / "bin" / "python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", out / "venv"], check=True)
        packages = ["numpy", "torch", "bitsandbytes"]
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages], check=True)
    sys.exit(subprocess.run([python, *sys.argv], env={**os.environ, "LOWP_BENCH_CHILD": "1", "OMP_NUM_THREADS": "1"}).returncode)


def build(out):
    program = out / "nf4_quantize"
    command = [os.environ.get("CXX", "g++"), "-std=c++20", "-O2", f"-I{HERE.parents[1] / 'include'}", str(HERE / "nf4_quantize.cpp")]
    subprocess.run([*command, "-o", str(program)], check=True)
    return program


def lowp_round(program, cols):
    printed = subprocess.run([program, str(cols)], check=True, capture_output=True, text=True).stdout
    rows = (line.split() for line in printed.splitlines())
    return {(name, int(rows_)): float(rate) for name, rows_, rate in rows}


def rate(weights, calls, work):
    seconds = []
    for _ in range(calls + 1):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return weights / statistics.median(seconds[1:]) / 1e9


def peer_round(cols):
    import torch
    from bitsandbytes import functional

    figures = {}
    for rows in ROWS:
        for kind in (torch.float32, torch.bfloat16):
            name = str(kind).removeprefix("torch.")
            w = torch.rand((rows, cols), generator=torch.Generator().manual_seed(1)).mul_(2).sub_(1).to(kind)
            codes, state = functional.quantize_4bit(w, blocksize=64, quant_type="nf4")
            figures[f"quantize,{name}", rows] = rate(w.numel(), 5, lambda: functional.quantize_4bit(w, blocksize=64, quant_type="nf4"))
            figures[f"dequantize,{name}", rows] = rate(w.numel(), 50, lambda: functional.dequantize_4bit(codes, state))
    return figures


def processor():
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cols", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if "LOWP_BENCH_CHILD" not in os.environ:
        environment(arguments.out)
    import bitsandbytes
    import torch

    torch.set_num_threads(1)
    program = build(arguments.out)
    ours, theirs = [], []
    for i in range(arguments.rounds):
        print(f"round {i + 1} of {arguments.rounds}", file=sys.stderr)
        ours.append(lowp_round(program, arguments.cols))
        theirs.append(peer_round(arguments.cols))

    header = ["conversion", "rows", "lowp Gweight/s", "bitsandbytes Gweight/s", "ratio", "ratios of the rounds"]
    rows = []
    for case in ours[0]:
        rounds = [o[case] / t[case] for o, t in zip(ours, theirs)]
        rows.append([*case, f"{statistics.median(o[case] for o in ours):.3f}", f"{statistics.median(t[case] for t in theirs):.4f}",
                     f"{statistics.median(rounds):.1f}", f"{min(rounds):.1f} to {max(rounds):.1f}"])
    title = (f"NF4 in blocks of 64, {arguments.cols} columns, one thread, {processor()}, bitsandbytes {bitsandbytes.__version__}, "
             f"torch {torch.__version__}, {time.strftime('%Y-%m-%d')}")
    table = "\n".join("| " + " | ".join(str(c) for c in r) + " |" for r in [header, ["---"] * len(header), *rows])
    (arguments.out / "nf4_quantize.md").write_text(f"{title}\n\n{table}\n", encoding="utf-8")
    with open(arguments.out / "nf4_quantize.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    print(f"{title}\n\n{table}")


if __name__ == "__main__":
    main()
