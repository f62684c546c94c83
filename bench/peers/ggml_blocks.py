"""lowp's blocks beside ggml's, on a model's weights: relative error of each block type, and the speed of the encoders on one core.

    python3 bench/peers/ggml_blocks.py MODEL.safetensors [--out build/bench]

Needs numpy, safetensors and llama-cpp-python: LOWP_BENCH_PYTHON names an interpreter that has them, else a virtual environment under
--out gets them. Takes all matrices of the model but embeddings, in rows of 768, builds ggml_blocks.cpp with $CXX and without any
-march, and prints a table: error is sqrt(sum (w - w')^2 / sum w^2), speed is in megabytes of floats that are quantized in a second of
the processor's time. ggml's error is that of lowp's reference, whose blocks are ggml's. Writes ggml_blocks.md into --out.
"""

import argparse
import ctypes
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
COLS = 768
# Name, number, weights and bytes of a block.
TYPES = {"Q4_0": (2, 32, 18), "Q4_1": (3, 32, 20), "Q5_0": (6, 32, 22), "Q5_1": (7, 32, 24), "Q8_0": (8, 32, 34), "Q2_K": (10, 256, 84),
         "Q3_K": (11, 256, 110), "Q4_K": (12, 256, 144), "Q5_K": (13, 256, 176), "Q6_K": (14, 256, 210), "IQ4_NL": (20, 32, 18),
         "IQ4_XS": (23, 256, 136), "TQ1_0": (34, 256, 54), "TQ2_0": (35, 256, 66), "MXFP4": (39, 32, 17), "NVFP4": (40, 64, 36)}


def environment(out):
    """Runs this script again under an interpreter that has the packages."""
    python = os.environ.get("LOWP_BENCH_PYTHON")
    if not python:
        python = out / "venv" / "bin" / "python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", out / "venv"], check=True)
        packages = ["numpy", "safetensors", "llama-cpp-python"]
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages], check=True)
    sys.exit(subprocess.run([python, *sys.argv], env={**os.environ, "LOWP_BENCH_CHILD": "1"}).returncode)


def weights(model):
    import numpy
    from safetensors.numpy import load_file

    matrices = [m.astype(numpy.float32) for name, m in load_file(model).items() if m.ndim == 2 and "embedding" not in name]
    return numpy.concatenate([m.reshape(-1, COLS) for m in matrices if m.size % COLS == 0])


def ggml_speeds(w):
    import llama_cpp
    import numpy

    library = ctypes.CDLL(str(Path(llama_cpp.__file__).parent / "lib" / "libggml-base.so"))
    library.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int64] * 3, ctypes.c_void_p]
    library.ggml_quantize_chunk.restype = ctypes.c_size_t
    speeds = {}
    for name, (number, columns, size) in TYPES.items():
        blocks = numpy.zeros(w.size // columns * size, numpy.uint8)
        least = float("inf")
        for _ in range(3):
            start = time.process_time()
            library.ggml_quantize_chunk(number, w.ctypes.data, blocks.ctypes.data, 0, *w.shape, None)
            least = min(least, time.process_time() - start)
        speeds[name] = w.nbytes / 1e6 / least
    return speeds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if "LOWP_BENCH_CHILD" not in os.environ:
        environment(arguments.out)
    w = weights(arguments.model)
    floats, program = arguments.out / "ggml_blocks.f32", arguments.out / "ggml_blocks"
    w.tofile(floats)
    command = [os.environ.get("CXX", "g++"), "-std=c++20", "-O2", f"-I{HERE.parents[1] / 'include'}", str(HERE / "ggml_blocks.cpp")]
    subprocess.run([*command, "-o", str(program)], check=True)
    printed = subprocess.run([program, floats, *map(str, w.shape)], check=True, capture_output=True, text=True).stdout
    speeds = ggml_speeds(w)
    rows = [["type", "bits", "error, ggml", "error, lowp", "ggml MB/s", "lowp's reference MB/s", "lowp's search MB/s", "read GB/s", "write GB/s"]]
    rows.append(["---"] * len(rows[0]))
    for name, reference, searched, reference_speed, search_speed, read, write in (line.split() for line in printed.splitlines()):
        _, columns, size = TYPES[name]
        rows.append([name, 8 * size / columns, reference, searched, f"{speeds[name]:.0f}", reference_speed, search_speed, read, write])
    title = f"{arguments.model.name}: {w.size} weights, {time.strftime('%Y-%m-%d')}"
    table = title + "\n\n" + "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)
    (arguments.out / "ggml_blocks.md").write_text(table + "\n", encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()
