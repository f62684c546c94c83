"""lowp's f32 products with 4-bit weights beside onnxruntime's MatMulNBits: same shapes, one thread, in turn.

    python3 bench/peers/matmul_nbits.py [--n 4096] [--k 4096] [--rounds 5] [--out build/bench]

Installs onnxruntime, onnx and numpy into a virtual environment under --out (LOWP_BENCH_PYTHON names an interpreter that
has them already), builds matmul_nbits.cpp with $CXX and without any -march, and lets the two take turns: each round is
lowp, then onnxruntime; each figure is the median of a round's calls, and the table has the median of the rounds.
Writes matmul_nbits.md and matmul_nbits.csv into --out.
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
TOKENS = (1, 16, 128)


def environment(out):
    """Runs this script again under an interpreter that has onnxruntime."""
    python = os.environ.get("LOWP_BENCH_PYTHON")
    if not python:
        python = out / "venv" / "bin" / "python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", out / "venv"], check=True)
        packages = ["numpy", "onnx", "onnxruntime"]
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages], check=True)
    sys.exit(subprocess.run([python, *sys.argv], env={**os.environ, "LOWP_BENCH_CHILD": "1"}).returncode)


def build(out):
    program = out / "matmul_nbits"
    command = [os.environ.get("CXX", "g++"), "-std=c++20", "-O2", f"-I{HERE.parents[1] / 'include'}", str(HERE / "matmul_nbits.cpp")]
    subprocess.run([*command, "-o", str(program)], check=True)
    return program


def lowp_round(program, n, k):
    printed = subprocess.run([program, str(n), str(k)], check=True, capture_output=True, text=True).stdout
    rows = (line.split() for line in printed.splitlines())
    return {(name, int(tokens)): float(milliseconds) for name, tokens, milliseconds in rows}


def session(n, k, block, level):
    import numpy
    import onnxruntime
    from onnx import TensorProto, helper

    random = numpy.random.default_rng(0)
    blocks = k // block
    codes = random.integers(0, 256, (n, blocks, block // 2), dtype=numpy.uint8)
    scales = random.random(n * blocks, dtype=numpy.float32)
    node = helper.make_node("MatMulNBits", ["x", "codes", "scales"], ["y"], domain="com.microsoft", K=k, N=n, bits=4, block_size=block,
                            accuracy_level=level)
    graph = helper.make_graph(
        [node], "product", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["M", k])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["M", n])],
        [helper.make_tensor("codes", TensorProto.UINT8, codes.shape, codes.tobytes(), raw=True),
         helper.make_tensor("scales", TensorProto.FLOAT, scales.shape, scales.tobytes(), raw=True)])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def peer_round(sessions, k):
    import numpy

    figures = {}
    for (block, level), peer in sessions.items():
        for tokens in TOKENS:
            x = {"x": numpy.random.default_rng(1).standard_normal((tokens, k), dtype=numpy.float32)}
            milliseconds, until = [], time.perf_counter() + 0.6
            while len(milliseconds) < 6 or time.perf_counter() < until:
                start = time.perf_counter()
                peer.run(None, x)
                milliseconds.append((time.perf_counter() - start) * 1e3)
            figures[block, level, tokens] = statistics.median(milliseconds[1:])
    return figures


def processor():
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=4096)
    parser.add_argument("--k", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if "LOWP_BENCH_CHILD" not in os.environ:
        environment(arguments.out)
    import onnxruntime

    program = build(arguments.out)
    sessions = {(b, level): session(arguments.n, arguments.k, b, level) for b in (32, 128) for level in (1, 4)}
    ours, theirs = [], []
    for i in range(arguments.rounds):
        print(f"round {i + 1} of {arguments.rounds}", file=sys.stderr)
        ours.append(lowp_round(program, arguments.n, arguments.k))
        theirs.append(peer_round(sessions, arguments.k))

    header = ["weights", "M", "lowp ms", "onnxruntime level 1 ms", "ratio", "ratios of the rounds", "onnxruntime level 4 (int8) ms"]
    rows = []
    for (name, tokens) in ours[0]:
        weights, block = name.split(",")
        exact = [r[int(block), 1, tokens] for r in theirs]
        rounds = [e / o[name, tokens] for o, e in zip(ours, exact)]
        label = f"{weights} f32 scales, group {block}" if weights == "int4" else weights
        rows.append([label, tokens, f"{statistics.median(o[name, tokens] for o in ours):.3f}", f"{statistics.median(exact):.3f} (block {block})",
                     f"{statistics.median(rounds):.2f}", f"{min(rounds):.2f} to {max(rounds):.2f}",
                     f"{statistics.median(r[int(block), 4, tokens] for r in theirs):.3f}"])
    title = f"N = {arguments.n}, K = {arguments.k}, f32 activations, one thread, {processor()}, onnxruntime {onnxruntime.__version__}, {time.strftime('%Y-%m-%d')}"
    table = "\n".join("| " + " | ".join(str(c) for c in r) + " |" for r in [header, ["---"] * len(header), *rows])
    (arguments.out / "matmul_nbits.md").write_text(f"{title}\n\n{table}\n", encoding="utf-8")
    with open(arguments.out / "matmul_nbits.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    print(f"{title}\n\n{table}")


if __name__ == "__main__":
    main()
