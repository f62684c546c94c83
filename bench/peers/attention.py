"""lowp's attention over quantized caches beside that of other libraries: same shapes, in one run, in turns.

    python3 bench/peers/attention.py [--context 32768 | --prompt 2048] [--query-heads 8] [--huge-pages] [--rounds 5] [--seconds 0.3] [--out build/bench]

8 heads of 128 numbers, one thread, caches that are larger than the processor's together. Peers: scaled_dot_product_attention of torch
(f32, bf16, f16) and ggml_flash_attn_ext on the CPU backend that llama-cpp-python brings (f16, q8_0, q4_0 for keys and values). Each
library runs in a process of its own; they take turns, and figures are medians of the rounds, in seconds of the processor. Ratios: the f16
cache of lowp's by each. "read" is the share of what one thread can read from memory, measured in lowp's process in the same rounds.
With --huge-pages, glibc asks for pages of 2 MB in every process, ours and the peers'.
With --prompt, causal attention of so many tokens at once, beside torch (is_causal=True), instead of that of one token over a context.
LOWP_BENCH_PYTHON names an interpreter that has torch and llama-cpp-python. Writes attention.md, or prompt.md.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
INCLUDE = HERE.parents[1] / "include"
HEADS, SIZE = 8, 128
PEERS = {"torch": ["f32", "bf16", "f16"], "llama.cpp": ["f16", "q8_0", "q4_0"]}
PROMPT_PEERS = {"torch": ["f32", "bf16", "f16"]}
PROMPT_CACHES = ["f16", "int8", "fp8", "int4"]


class Process:
    def __init__(self, command):
        self.command = command
        self.start({})

    def start(self, environment):
        self.environment = environment
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})

    def ask(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline().strip()
        except BrokenPipeError:
            answer = ""
        # Some virtual machines announce AMX without giving it.
        if not answer and self.process.wait() == -signal.SIGILL and not self.environment:
            self.start({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"})
            return self.ask(line)
        if not answer or answer.startswith("skip"):
            raise RuntimeError(answer.removeprefix("skip").strip() or "the process ended")
        return answer


def timed(run, limit):
    each = []
    while sum(each) < limit or len(each) < 4:
        start = time.process_time()
        run(len(each))
        each.append(time.process_time() - start)
    return 1e3 * statistics.median(each)


def torch_side(kind, context, query_heads, prompt):
    import torch

    torch.set_num_threads(1)
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[kind]
    layers = max(1, int(320e6 // (2 * HEADS * SIZE * context * dtype.itemsize)) + 1)
    caches = [[torch.randn(1, HEADS, context, SIZE).to(dtype) for _ in range(2)] for _ in range(layers)]
    q = torch.randn(1, query_heads, context if prompt else 1, SIZE).to(dtype)

    def run(i):
        with torch.no_grad():
            torch.nn.functional.scaled_dot_product_attention(q, *caches[i % layers], is_causal=prompt, enable_gqa=query_heads != HEADS)

    return run


def llama_side(kind, context, query_heads):
    import ctypes

    import numpy

    from matmul_peers import LlamaCpp

    g = LlamaCpp(1)
    pointer, number, long, real = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_float
    g.declare(g.base, "new_tensor_4d", pointer, [pointer, number, long, long, long, long])
    g.declare(g.base, "flash_attn_ext", pointer, [pointer, pointer, pointer, pointer, pointer, real, real, real])
    g.declare(g.base, "nbytes", ctypes.c_size_t, [pointer])
    code = {"f16": 1, "q8_0": 8, "q4_0": 2}[kind]
    row = g.row_size(code, SIZE)
    layers = max(1, int(320e6 // (2 * HEADS * row * context)) + 1)
    numbers = numpy.random.default_rng(1).standard_normal((HEADS * context, SIZE), dtype=numpy.float32)
    g.k = SIZE
    codes = numbers.astype(numpy.float16) if kind == "f16" else g.quantize(code, numbers)
    graphs = []
    for _ in range(layers):
        context_ = g.context()
        q = g.new_tensor_4d(context_, 0, SIZE, 1, query_heads, 1)
        k, v = (g.new_tensor_4d(context_, code, SIZE, context, HEADS, 1) for _ in range(2))
        y = g.flash_attn_ext(context_, q, k, v, None, SIZE ** -0.5, 0.0, 0.0)
        graph = g.new_graph(context_)
        g.build_forward_expand(graph, y)
        g.allocate(context_, g.cpu_buffer_type())
        for tensor in (k, v):
            g.tensor_set(tensor, codes.ctypes.data, 0, codes.nbytes)
        query = numpy.random.default_rng(2).standard_normal((query_heads, SIZE), dtype=numpy.float32)
        g.tensor_set(q, query.ctypes.data, 0, query.nbytes)
        graphs.append(graph)

    def run(i):
        if g.graph_compute(g.backend, graphs[i % layers]) != 0:
            raise RuntimeError("ggml_backend_graph_compute failed")

    return run


def serve(library, context, query_heads, prompt):
    """A peer's process: answers "time <kernel> <seconds>"."""
    made = {}
    for line in sys.stdin:
        _, kind, limit = line.split()
        try:
            if kind not in made:
                shape = (kind, context, query_heads)
                made[kind] = torch_side(*shape, prompt) if library == "torch" else llama_side(*shape)
            print(timed(made[kind], float(limit)), flush=True)
        except Exception as e:  # noqa: BLE001  whatever a peer cannot do is left out
            print("skip", repr(e).replace("\n", " "), flush=True)


def apart(each):
    return f"{(max(each) - min(each)) / statistics.median(each):.0%}"


def step_page(a, rows, times, ceiling, skipped):
    base = statistics.median(times["lowp", "f16"])
    lines = [f"Decode attention, context {a.context}, {HEADS} heads of {SIZE}, {a.query_heads} query heads, one thread;"
             f" memory gives {ceiling / 1e9:.1f} GB/s{' in huge pages' if a.huge_pages else ''}. {time.strftime('%Y-%m-%d')}", "",
             "| library | cache | ms | f16 cache of lowp / this | bytes | read | rounds apart | append, us a token |", "|" + "---|" * 8]
    for library, process, kind in rows:
        if (library, kind) in skipped:
            lines.append(f"| {library} | {kind} | left out: {skipped[library, kind]} |")
            continue
        each = times[library, kind]
        ms = statistics.median(each)
        extra = " | | "
        append = ""
        if library == "lowp":
            count = int(process.ask(f"bytes {kind}"))
            extra = f" {count / 1e6:.1f} MB | {count / ms * 1e3 / ceiling:.0%} "
            append = f"{statistics.median(float(process.ask(f'append {kind}')) for _ in range(3)):.1f}"
        lines.append(f"| {library} | {kind} | {ms:.2f} | {base / ms:.2f} |{extra}| {apart(each)} | {append} |")
    return "\n".join(lines) + "\n"


def prompt_page(a, rows, times, _, skipped):
    base = statistics.median(times["lowp", "f16"])
    # Half of the scores, and of the weighted sums, of all pairs of tokens.
    work = 2 * 2 * a.query_heads * SIZE * a.prompt * (a.prompt + 1) / 2
    lines = [f"Causal attention of {a.prompt} tokens, {HEADS} heads of {SIZE}, {a.query_heads} query heads, one thread. {time.strftime('%Y-%m-%d')}",
             "", "| library | cache | ms | f16 cache of lowp / this | GFLOP/s | rounds apart |", "|" + "---|" * 6]
    for library, _, kind in rows:
        if (library, kind) in skipped:
            lines.append(f"| {library} | {kind} | left out: {skipped[library, kind]} |")
            continue
        ms = statistics.median(times[library, kind])
        lines.append(f"| {library} | {kind} | {ms:.1f} | {base / ms:.2f} | {work / ms / 1e6:.1f} | {apart(times[library, kind])} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--context", type=int, default=32768)
    parser.add_argument("--prompt", type=int, default=0)
    parser.add_argument("--query-heads", type=int, default=8)
    parser.add_argument("--huge-pages", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    parser.add_argument("--serve")
    a = parser.parse_args()
    if a.serve:
        return serve(a.serve, a.prompt or a.context, a.query_heads, a.prompt != 0)
    if a.huge_pages:
        os.environ["GLIBC_TUNABLES"] = "glibc.malloc.hugetlb=1"
    a.out.mkdir(parents=True, exist_ok=True)
    program = a.out / "attention"
    subprocess.run([os.environ.get("CXX", "c++"), "-std=c++20", "-O2", f"-I{INCLUDE}", HERE / "attention.cpp", "-o", program, "-pthread"],
                   check=True)
    lowp = Process([program, str(a.prompt or a.context), str(a.query_heads)])
    python = os.environ.get("LOWP_BENCH_PYTHON", sys.executable)
    shape = ["--query-heads", str(a.query_heads), *(["--prompt", str(a.prompt)] if a.prompt else ["--context", str(a.context)])]
    kinds = PROMPT_PEERS if a.prompt else PEERS
    peers = {p: Process([python, __file__, "--serve", p, *shape]) for p in kinds}
    names = PROMPT_CACHES if a.prompt else lowp.ask("names").split()
    rows = [("lowp", lowp, n) for n in names] + [(p, peers[p], k) for p in kinds for k in kinds[p]]
    times, ceilings, skipped = {}, [], {}
    for _ in range(a.rounds):
        ceilings.append(float(lowp.ask("ceiling")))
        for library, process, kind in rows:
            if (library, kind) not in skipped:
                try:
                    command = "prompt" if a.prompt and library == "lowp" else "time"
                    times.setdefault((library, kind), []).append(float(process.ask(f"{command} {kind} {a.seconds}")))
                except RuntimeError as e:
                    skipped[library, kind] = str(e)
    text = (prompt_page if a.prompt else step_page)(a, rows, times, statistics.median(ceilings), skipped)
    (a.out / ("prompt.md" if a.prompt else "attention.md")).write_text(text)
    print(text)


if __name__ == "__main__":
    main()
