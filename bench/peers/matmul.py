"""lowp's products with low-bit weights beside those of other libraries: same shapes, in one run, in turns.

    python3 bench/peers/matmul.py [--quick] [--threads 1] [--shapes 4096x4096 32768x4096] [--tokens 1 2 4 8 16 32 128 512]
                                  [--groups 16 32 64 128] [--rounds 5] [--seconds 0.2] [--out build/bench]

Peers: MatMulNBits of onnxruntime, dense products of torch (f32, bf16, bytes), llama.cpp by the libraries of llama-cpp-python, and NF4 of
bitsandbytes. They are installed into a virtual environment under --out; LOWP_BENCH_PYTHON names an interpreter that has them already.
A peer that is missing, fails or computes something else is left out, with a line that says so.

Each library runs in a process of its own (matmul.cpp, which is built with $CXX and without any -march, and matmul_peers.py). For each
number of tokens they take turns: every kernel is called for some time in each round, a figure is the median of a round's calls, and the
table has the median of the rounds. Ratios are the peer's time by lowp's, medians of those of the rounds. A figure whose rounds lie
further apart than a tenth is marked ~, as a machine with other work on it makes them. With one thread seconds are those of the
processor, which other work lengthens less; with more they are those of the clock on the wall. Before all that each product of one and
of 16 tokens is compared with that of the unquantized weights in double precision; their relative distance is the "error".

"best" is the fastest peer whose activations are at least as precise as the mode's: f32, then 16 bits (split), bf16, 8 bits. "%" is of
the arithmetic that the mode uses, measured in the same rounds, and of the bytes that memory gives, both in lowp's own process.
Writes matmul.md and matmul.csv. Two kinds of "int8" differ in scales of activations: one for a token, or one for each group of it
(int8_grouped), as the peers have them.
"""

import argparse
import csv
import dataclasses
import itertools
import os
import platform
import select
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
INCLUDE = HERE.parents[1] / "include"
PACKAGES = {"onnxruntime": ["onnx", "onnxruntime"], "torch": ["torch"], "llama.cpp": ["llama-cpp-python"], "bitsandbytes": ["bitsandbytes"]}
NOISE = 0.1
WRONG = 0.25  # no format here is further from the weights than half of this

# How precise activations are, and what a mode multiplies for one weight and token in which arithmetic.
PRECISION = {"exact": 3, "split": 2, "bf16": 1, "int8": 0, "int8_grouped": 0}
ARITHMETIC = {"exact": (1, "f32"), "split": (2, "int8"), "bf16": (1, "bf16"), "int8": (1, "int8"), "int8_grouped": (1, "int8")}
COLUMNS = {"onnxruntime f32": 3, "onnxruntime int8": 0, "llama.cpp": 0, "torch f32": 3, "torch bf16": 1, "torch int8": 0,
           "bitsandbytes f32": 3, "bitsandbytes bf16": 1}
DENSE = {"torch f32": ["f32"], "torch bf16": ["bf16"], "torch int8": ["int8"]}


def cases(groups):
    """lowp's weights, their modes, and the kernels of the peers that come nearest, by column."""
    every = ["exact", "split", "bf16", "int8", "int8_grouped"]
    blocks = lambda block: {"onnxruntime f32": [f"4/{block}/1"], "onnxruntime int8": [f"4/{block}/4"]}
    found = [(f"int4_g{g}", every, blocks(g) | {"llama.cpp": ["q4_0", "q4_K"]}) for g in groups]
    found += [("nf4_g64", ["exact", "bf16"], blocks(64) | {"llama.cpp": ["iq4_nl"], "bitsandbytes f32": ["nf4/64/f32"],
                                                           "bitsandbytes bf16": ["nf4/64/bf16"]}),
              ("mxfp4", every, blocks(32) | {"llama.cpp": ["mxfp4"]}),
              ("nvfp4", every, blocks(16) | {"llama.cpp": ["nvfp4"]}),
              ("int8_channel", every[:-1], {"onnxruntime int8": ["8/128/4"], "llama.cpp": ["q8_0"]})]
    return [(name, modes, peers | DENSE) for name, modes, peers in found]


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def environment(out):
    """Runs this script again under an interpreter that has the peers."""
    python = os.environ.get("LOWP_BENCH_PYTHON")
    if not python:
        python = out / "venv" / "bin" / "python"
        if not python.exists():
            say(f"installing the peers into {out / 'venv'}, some gigabytes; LOWP_BENCH_PYTHON names an interpreter that has them")
            subprocess.run([sys.executable, "-m", "venv", out / "venv"], check=True)
            install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*install, "numpy"], check=True)
            for peer, packages in PACKAGES.items():
                if subprocess.run([*install, *packages]).returncode != 0:
                    say(f"{peer} is left out: it cannot be installed")
    sys.exit(subprocess.run([python, *sys.argv], env={**os.environ, "LOWP_BENCH_CHILD": "1"}).returncode)


def build(out):
    program = out / "matmul"
    sources = [HERE / "matmul.cpp", HERE.parent / "kernel" / "ceilings.hpp", *INCLUDE.rglob("*.hpp")]
    if not program.exists() or program.stat().st_mtime < max(s.stat().st_mtime for s in sources):
        say("building", program)
        command = [os.environ.get("CXX", "g++"), "-std=c++20", "-O2", "-fopenmp", f"-I{INCLUDE}", str(HERE / "matmul.cpp")]
        subprocess.run([*command, "-o", str(program)], check=True)
    return program


class Library:
    """A process that answers a line at a time; None where it has no answer."""

    def __init__(self, name, command, threads, out):
        self.name, self.command, self.log = name, [str(c) for c in command], out / f"matmul_{name}.log"
        self.environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        self.shape = None
        self.start()

    def start(self):
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                                            env=self.environment)
        self.version = self.answer() if self.name != "lowp" else ""

    def answer(self):
        ready, _, _ = select.select([self.process.stdout], [], [], 900)
        if not ready:
            self.process.kill()
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            return None
        if line.startswith("skip"):
            say(f"{self.name}: {line.strip().removeprefix('skip ')}")
            return None
        return line.strip()

    def ask(self, *words):
        if self.process.poll() is not None:
            return None
        line = " ".join(str(w) for w in words)
        if words[0] == "shape":
            self.shape = line
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        found = self.answer()
        return found if found is not None or self.process.poll() is None else self.after_end(line)

    def after_end(self, line):
        # Some virtual machines announce AMX without giving it.
        if self.process.returncode == -signal.SIGILL and "ONEDNN_MAX_CPU_ISA" not in self.environment:
            say(f"{self.name} used an instruction that this machine lacks; again without AMX")
            self.environment["ONEDNN_MAX_CPU_ISA"] = "AVX512_CORE_BF16"
            self.start()
            if self.version is not None:
                self.ask(*self.shape.split())
                return self.ask(*line.split())
        say(f"{self.name} is left out: it ended at '{line}' ({self.process.returncode}); see {self.log}")
        return None


def write_weights(file, rows, k):
    import numpy

    numpy.random.default_rng(0).standard_normal((rows, k), dtype=numpy.float32).tofile(file)


@dataclasses.dataclass(frozen=True)
class Figure:
    """The milliseconds of each round, and which of several kernels it was."""

    label: str
    rounds: tuple

    @property
    def milliseconds(self):
        return statistics.median(self.rounds)

    @property
    def noisy(self):
        return max(self.rounds) - min(self.rounds) > NOISE * self.milliseconds

    def ratio(self, to):
        return statistics.median(t / r for r, t in zip(self.rounds, to.rounds))


class Kernel:
    """What takes turns: a product of one library."""

    def __init__(self, library, *words):
        self.library, self.words = library, words
        self.label = " ".join(words)
        self.prepared = library.ask("prepare", *words)
        self.usable = self.prepared is not None

    def check(self, tokens):
        if self.usable:
            found = self.library.ask("error", *self.words, tokens)
            self.error = float(found) if found is not None else float("nan")
            self.usable = self.error < WRONG
            if not self.usable and found is not None:
                say(f"{self.library.name} {self.label} is left out: it is off by {self.error:.3f}")

    def time(self, tokens, seconds):
        found = self.library.ask("time", *self.words, tokens, seconds) if self.usable else None
        self.rounds.append(float(found) if found is not None else float("nan"))
        self.usable = found is not None

    def figure(self, label=""):
        return Figure(label, tuple(self.rounds))


def ceilings_of(library, threads, read):
    """The instruction set that lowp takes, and what the machine gives at this moment, a second."""
    isa, *rates_of_machine = library.ask("ceilings", threads, read).split()
    return isa, dict(zip(("f32", "bf16", "int8", "read"), map(float, rates_of_machine)))


def measure_shape(libraries, shape, tokens_list, arguments, file):
    """Rows of the table as dictionaries, the least and the most GB/s that memory gives for weights, and what llama.cpp repacks."""
    n, k = (int(v) for v in shape.split("x"))
    rows = min(n, 4096)
    if n % rows != 0:
        raise SystemExit(f"{shape}: more than 4096 rows must be a multiple of 4096")
    write_weights(file, rows, k)
    for library in libraries.values():
        library.ask("shape", file, rows, n, k)
    ours, theirs = {}, {}
    for name, modes, peers in cases(arguments.groups):
        say(f"{shape} {name}: packing")
        for mode in modes:
            ours[name, mode] = Kernel(libraries["lowp"], name, mode)
        for column, kernels in peers.items():
            library = libraries.get(column.split()[0])
            for kernel in kernels:
                if library and (column, kernel) not in theirs:
                    theirs[column, kernel] = Kernel(library, kernel)
    every = [*ours.values(), *theirs.values()]
    for kernel in every:
        kernel.check(1)
        kernel.check(min(16, max(tokens_list)))
    table = []
    for tokens in tokens_list:
        for kernel in every:
            kernel.rounds = []
        ceilings = []  # in each round, since clocks change with what runs
        for i in range(arguments.rounds):
            say(f"{shape} {tokens} tokens: round {i + 1} of {arguments.rounds}, {time.strftime('%H:%M:%S')}")
            ceilings.append(ceilings_of(libraries["lowp"], arguments.threads, 1 << 23)[1])
            for kernel in every:
                if kernel.usable:
                    kernel.time(tokens, arguments.seconds)
                    if arguments.threads > 1:
                        time.sleep(0.02)  # until the threads of a pool that waits by spinning have gone to sleep
        ceilings = {work: statistics.median(c[work] for c in ceilings) for work in ceilings[0]}
        for name, modes, peers in cases(arguments.groups):
            for mode in modes:
                if ours[name, mode].usable:
                    table.append(row(shape, n, k, tokens, name, mode, ours[name, mode], peers, theirs, ceilings))
    reads = [float(kernel.prepared.split()[1]) / 1e9 for kernel in ours.values() if kernel.usable]
    repacked = [kernel for (column, kernel), found in theirs.items() if found.prepared == "repacked"]
    return table, (min(reads), max(reads)), repacked


def row(shape, n, k, tokens, name, mode, kernel, peers, theirs, ceilings):
    mine = kernel.figure()
    seconds = mine.milliseconds / 1e3
    packed_bytes, read = (float(v) for v in kernel.prepared.split())
    products, arithmetic = ARITHMETIC[mode]
    operations = 2.0 * n * k * tokens
    found = {"N x K": shape, "M": tokens, "weights": name, "mode": mode, "ms": mine, "GOP/s": operations / seconds / 1e9,
             "% arithmetic": 100 * products * operations / seconds / ceilings[arithmetic], "% read": 100 * packed_bytes / seconds / read,
             "error": kernel.error}
    columns = {}
    for column, kernels in peers.items():
        found_kernels = [p for p in kernels if (column, p) in theirs and theirs[column, p].usable]
        usable = [theirs[column, p].figure(p if len(kernels) > 1 else "") for p in found_kernels]
        if usable:
            columns[column] = min(usable, key=lambda p: p.milliseconds)
    for title, lowest in (("best", PRECISION[mode]), ("fastest", 0)):
        allowed = {c: p for c, p in columns.items() if COLUMNS[c] >= lowest}
        best = min(allowed, key=lambda c: allowed[c].milliseconds, default=None)
        found[title] = None if best is None else f"{best} {columns[best].label}".strip()
        found[f"ratio to {title}"] = None if best is None else mine.ratio(columns[best])
    return found | {c: columns.get(c) for c in COLUMNS}


def in_markdown(title, value):
    if value is None:
        return "-"
    if isinstance(value, Figure):
        return f"{'~' if value.noisy else ''}{value.milliseconds:.3f} {value.label}".strip()
    if isinstance(value, float):
        return f"{value:.4f}" if title == "error" else f"{value:.2f}" if title.startswith("ratio") else f"{value:.0f}"
    return str(value)


def in_csv(table):
    for r in table:
        plain = {}
        for title, value in r.items():
            plain[title] = f"{value.milliseconds:.6f}" if isinstance(value, Figure) else value
            if isinstance(value, Figure):
                plain[f"{title}: kernel"] = value.label
                plain[f"{title}: least"], plain[f"{title}: most"] = (f"{f(value.rounds):.6f}" for f in (min, max))
        yield plain


def rates(libraries):
    """How fast weights are quantized and dequantized, in millions a second of one thread."""
    lines = [["", "quantize", "dequantize"], ["---", "---:", "---:"]]
    pairs = [("lowp", "int4_g32"), ("llama.cpp", "q4_0"), ("lowp", "nf4_g64"), ("bitsandbytes", "nf4/64/f32"), ("llama.cpp", "iq4_nl"),
             ("lowp", "mxfp4"), ("llama.cpp", "mxfp4"), ("lowp", "nvfp4"), ("llama.cpp", "nvfp4"), ("lowp", "int8_channel"),
             ("llama.cpp", "q8_0")]
    for name, kernel in pairs:
        found = libraries[name].ask("rates", kernel) if name in libraries else None
        if found is not None:
            lines.append([f"{name} {kernel}", *(f"{float(v) / 1e6:.0f}" for v in found.split())])
    return lines


def processor():
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def markdown(lines):
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="about three minutes: few tokens, groups and rounds")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--shapes", nargs="+", default=["4096x4096", "32768x4096"], metavar="NxK")
    parser.add_argument("--tokens", nargs="+", type=int)
    parser.add_argument("--groups", nargs="+", type=int, choices=[16, 32, 64, 128], help="of int4; the other formats have theirs")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="for the calls of one kernel in one round")
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if "LOWP_BENCH_CHILD" not in os.environ:
        environment(arguments.out)
    quick = arguments.quick
    arguments.tokens = arguments.tokens or ([1, 16, 128] if quick else [1, 2, 4, 8, 16, 32, 128, 512])
    arguments.groups = arguments.groups or ([32, 128] if quick else [16, 32, 64, 128])
    arguments.rounds = arguments.rounds or (3 if quick else 5)
    arguments.seconds = arguments.seconds or (0.03 if quick else 0.2)

    started = time.perf_counter()
    load = [os.getloadavg()[0]]
    commands = {"lowp": [build(arguments.out), arguments.threads]}
    commands |= {p: [sys.executable, HERE / "matmul_peers.py", p, arguments.threads] for p in PACKAGES}
    libraries = {name: Library(name, command, arguments.threads, arguments.out) for name, command in commands.items()}
    libraries = {name: library for name, library in libraries.items() if library.version is not None}
    ceilings = {}
    for threads in sorted({1, 2, arguments.threads}):
        isa, ceilings[threads] = ceilings_of(libraries["lowp"], threads, 1 << 29)
    file = arguments.out.resolve() / "matmul_weights.f32"
    table, read, repacked = [], {}, {}
    for i, shape in enumerate(arguments.shapes):
        # Beyond the caches it is one token that matters.
        tokens = arguments.tokens[:1] if quick and i > 0 else arguments.tokens
        rows, read[shape], types = measure_shape(libraries, shape, tokens, arguments, file)
        table += rows
        repacked |= dict.fromkeys(types)
    rate_lines = rates(libraries)
    file.unlink()
    load.append(os.getloadavg()[0])

    titles = [t for t in table[0] if any(r[t] is not None for r in table)]
    lines = [titles, ["---"] * 4 + ["---:"] * (len(titles) - 4), *([in_markdown(t, r[t]) for t in titles] for r in table)]
    figures = [v for r in table for v in r.values() if isinstance(v, Figure)]
    head = [f"f32 activations, {arguments.threads} thread(s), {processor()}, {time.strftime('%Y-%m-%d')}; lowp on {isa}, "
            + ", ".join(f"{name} {library.version}" for name, library in libraries.items() if name != "lowp") + ".",
            *(f"Ceilings of {threads} thread(s) at the start: f32 {c['f32'] / 1e9:.0f}, bf16 {c['bf16'] / 1e9:.0f}, "
              f"int8 {c['int8'] / 1e9:.0f} GOP/s; 512 MiB read at {c['read'] / 1e9:.0f} GB/s." for threads, c in ceilings.items()),
            "Weights read at " + ", ".join(f"{least:.0f} to {most:.0f} GB/s ({shape})" for shape, (least, most) in read.items()) + ".",
            f"Milliseconds; {sum(f.noisy for f in figures)} of {len(figures)} figures are noisy (~): "
            f"their {arguments.rounds} rounds lie more than {NOISE:.0%} apart. "
            f"Load of the machine {load[0]:.1f} at the start, {load[1]:.1f} at the end.",
            f"llama.cpp repacks {', '.join(repacked)} for this machine." if repacked else "",
            *(f"{library.name} ran without AMX, which this machine announces but lacks." for library in libraries.values()
              if "ONEDNN_MAX_CPU_ISA" in library.environment and "ONEDNN_MAX_CPU_ISA" not in os.environ)]
    rates_title = "Millions of weights a second on one thread:"
    text = "\n\n".join(["\n".join(line for line in head if line), markdown(lines), rates_title, markdown(rate_lines)]) + "\n"
    (arguments.out / "matmul.md").write_text(text, encoding="utf-8")
    with open(arguments.out / "matmul.csv", "w", newline="", encoding="utf-8") as csv_file:
        plain = list(in_csv(table))
        writer = csv.DictWriter(csv_file, list(dict.fromkeys(itertools.chain.from_iterable(plain))), restval="")
        writer.writeheader()
        writer.writerows(plain)
    print(text)
    say(f"{time.perf_counter() - started:.0f} s; {arguments.out / 'matmul.md'}, {arguments.out / 'matmul.csv'}")


if __name__ == "__main__":
    main()
