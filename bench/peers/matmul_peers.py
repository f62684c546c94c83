"""The other libraries that matmul.py measures; each runs in a process of its own, which answers a line at a time:

    python3 matmul_peers.py onnxruntime <threads>        or torch, llama.cpp, bitsandbytes
    shape <file of f32> <rows> <n> <k>              ->  ok                     weights [n, k]: the file's rows, again and again
    prepare <kernel>                                ->  <what it is, where its name does not say>
    rates <kernel>                                  ->  <weights a second quantized> <weights a second dequantized>
    time <kernel> <tokens> <seconds>                ->  <median milliseconds>
    error <kernel> <tokens>                         ->  <relative error against the unquantized weights in double precision>

A kernel's weights are prepared before it is timed. Dense and 8-bit torch products are given activations that are already bf16 or
bytes, and the sums of bytes stay without scales: the peer gets the benefit. With one thread seconds are those of the processor. Anything
that fails is answered "skip <reason>".
"""

import ctypes
import importlib.util
import os
import statistics
import sys
import time
from pathlib import Path

import numpy


def seconds(run, clock=time.process_time):
    start = clock()
    run()
    return clock() - start


def rates(count, *runs):
    return " ".join(str(count / statistics.median(seconds(run) for _ in range(5))) for run in runs)


class Peer:
    def __init__(self, threads):
        self.threads = threads

    def shape(self, file, rows, n, k):
        self.n, self.k, self.times = int(n), int(k), int(n) // int(rows)
        self.weights = numpy.fromfile(file, dtype=numpy.float32).reshape(int(rows), self.k)
        self.made = {}
        self.clear()
        return "ok"

    def clear(self):
        """Frees what was prepared for the last shape."""

    def prepare(self, kernel):
        if kernel not in self.made:
            self.made[kernel] = self.make(*kernel.split("/"))
        return self.describe(self.made[kernel])

    def describe(self, _):
        return ""

    def call(self, kernel, tokens):
        """A function that computes the product of `tokens` rows of f32 activations, and one that gives its result as [tokens, n]."""
        self.prepare(kernel)
        x = numpy.random.default_rng(1).standard_normal((tokens, self.k), dtype=numpy.float32)
        return (x, *self.bind(self.made[kernel], x))

    def time(self, kernel, tokens, limit):
        _, run, _ = self.call(kernel, int(tokens))
        limit = float(limit)
        clock = time.process_time if self.threads == 1 else time.perf_counter
        fewest = 1 if seconds(run, clock) > limit else 3
        each = []
        while len(each) < fewest or sum(each) < limit:
            each.append(seconds(run, clock))
        return 1e3 * statistics.median(each)

    def error(self, kernel, tokens):
        x, run, result = self.call(kernel, int(tokens))
        run()
        rows = numpy.arange(0, self.n, self.n // 64 + 1)
        right = x.astype(numpy.float64) @ self.weights[rows % len(self.weights)].astype(numpy.float64).T
        return numpy.linalg.norm(result()[:, rows] - right) / numpy.linalg.norm(right)


class OnnxRuntime(Peer):
    """MatMulNBits: kernels <bits>/<block>/<accuracy level>; level 1 computes in f32, level 4 on 8-bit activations."""

    def __init__(self, threads):
        super().__init__(threads)
        import onnx  # noqa: F401  before anything is measured
        import onnxruntime

        self.version = onnxruntime.__version__

    def clear(self):
        self.codes = {}

    def quantize(self, bits, block):
        if (bits, block) not in self.codes:
            middle = 1 << (bits - 1)
            w = self.weights.reshape(-1, self.k // block, block)
            scales = numpy.abs(w).max(axis=2) / (middle - 1)
            codes = (numpy.rint(w / scales[:, :, None]) + middle).astype(numpy.uint8)
            if bits == 4:
                codes = codes[:, :, 0::2] | codes[:, :, 1::2] << 4
            codes, scales = numpy.tile(codes, (self.times, 1, 1)), numpy.tile(scales, (self.times, 1))
            self.codes[bits, block] = codes, scales
        return self.codes[bits, block]

    def make(self, bits, block, level):
        import onnxruntime
        from onnx import TensorProto, helper

        bits, block = int(bits), int(block)
        codes, scales = self.quantize(bits, block)
        node = helper.make_node("MatMulNBits", ["x", "codes", "scales"], ["y"], domain="com.microsoft", K=self.k, N=self.n, bits=bits,
                                block_size=block, accuracy_level=int(level))
        graph = helper.make_graph(
            [node], "product", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["M", self.k])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["M", self.n])],
            [helper.make_tensor("codes", TensorProto.UINT8, codes.shape, codes.tobytes(), raw=True),
             helper.make_tensor("scales", TensorProto.FLOAT, [scales.size], scales.tobytes(), raw=True)])
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def bind(self, session, x):
        inputs, result = {"x": x}, []

        def run():
            result[:] = session.run(None, inputs)

        return run, lambda: result[0]


class Torch(Peer):
    """Products without low-bit weights: f32, bf16 and bytes (torch._int_mm)."""

    def __init__(self, threads):
        super().__init__(threads)
        import torch

        torch.set_num_threads(threads)
        self.version = torch.__version__

    def make(self, kind):
        import torch

        w = torch.from_numpy(self.weights).repeat(self.times, 1)
        if kind == "f32":
            return kind, w, None
        if kind == "bf16":
            return kind, w.bfloat16(), None
        scales = w.abs().amax(dim=1) / 127
        return kind, (w / scales[:, None]).round().to(torch.int8), scales

    def bind(self, prepared, x):
        import torch

        kind, w, scales = prepared
        x, result = torch.from_numpy(x), []
        if kind == "int8":
            x_scales = x.abs().amax(dim=1) / 127
            codes = (x / x_scales[:, None]).round().to(torch.int8)

            def run():
                result[:] = [torch._int_mm(codes, w.t())]

            return run, lambda: (result[0] * x_scales[:, None] * scales[None, :]).numpy()
        x = x.to(w.dtype)

        def run():
            result[:] = [torch.mm(x, w.t())]

        return run, lambda: result[0].float().numpy()


class LlamaCpp(Peer):
    """ggml_mul_mat on the CPU backend of the libraries that llama-cpp-python brings: kernels <type>. Weights lie in the buffer that
    repacks them for this machine where it has the type, else as they are."""

    TYPES = {"q4_0": 2, "q8_0": 8, "iq4_nl": 20, "mxfp4": 39, "nvfp4": 40, "q4_K": 12}

    class Parameters(ctypes.Structure):
        _fields_ = [("size", ctypes.c_size_t), ("buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool)]

    class Traits(ctypes.Structure):
        _fields_ = [("name", ctypes.c_char_p), ("block", ctypes.c_int64), ("interleave", ctypes.c_int64), ("size", ctypes.c_size_t),
                    ("is_quantized", ctypes.c_bool), ("to_float", ctypes.c_void_p)]

    def __init__(self, threads):
        super().__init__(threads)
        found = importlib.util.find_spec("llama_cpp")
        if found is None:
            raise ImportError("No module named llama_cpp")
        package = Path(found.origin).parent
        self.base = ctypes.CDLL(str(package / "lib" / "libggml-base.so"), mode=ctypes.RTLD_GLOBAL)
        self.cpu = ctypes.CDLL(str(package / "lib" / "libggml-cpu.so"), mode=ctypes.RTLD_GLOBAL)
        from importlib import metadata

        self.version = f"llama-cpp-python {metadata.version('llama-cpp-python')}"
        self.contexts, self.buffers = [], []
        pointer, size, number, long = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int64
        for name, result, *arguments in [
                ("backend_cpu_init", pointer), ("backend_cpu_reg", pointer), ("backend_cpu_set_n_threads", None, pointer, number)]:
            self.declare(self.cpu, name, result, arguments)
        for name, result, *arguments in [
                ("backend_reg_get_proc_address", pointer, pointer, ctypes.c_char_p), ("backend_reg_dev_get", pointer, pointer, size),
                ("backend_dev_supports_op", ctypes.c_bool, pointer, pointer),
                ("backend_buft_name", ctypes.c_char_p, pointer), ("backend_cpu_buffer_type", pointer),
                ("backend_alloc_ctx_tensors_from_buft", pointer, pointer, pointer), ("backend_buffer_free", None, pointer),
                ("backend_tensor_set", None, pointer, pointer, size, size), ("backend_tensor_get", None, pointer, pointer, size, size),
                ("backend_graph_compute", number, pointer, pointer),
                ("init", pointer, self.Parameters), ("free", None, pointer), ("new_graph", pointer, pointer),
                ("new_tensor_2d", pointer, pointer, number, long, long), ("mul_mat", pointer, pointer, pointer, pointer),
                ("build_forward_expand", None, pointer, pointer), ("row_size", size, number, long),
                ("quantize_chunk", size, number, pointer, pointer, long, long, long, pointer),
                ("get_type_traits", ctypes.POINTER(self.Traits), number)]:
            self.declare(self.base, name, result, arguments)
        self.backend = self.cpu_init()
        self.cpu_set_n_threads(self.backend, threads)
        self.device = self.reg_dev_get(self.cpu_reg(), 0)

    def declare(self, library, name, result, arguments):
        function = getattr(library, "ggml_" + name)
        function.restype, function.argtypes = result, arguments
        setattr(self, name.removeprefix("backend_"), function)

    def repacking_buffers(self):
        address = self.reg_get_proc_address(self.cpu_reg(), b"ggml_backend_dev_get_extra_bufts")
        if not address:
            return
        each = ctypes.CFUNCTYPE(ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p)(address)(self.device)
        i = 0
        while each[i]:
            if self.buft_name(each[i]) == b"CPU_REPACK":
                yield each[i]
            i += 1

    def clear(self):
        for buffer in self.buffers:
            self.buffer_free(buffer)
        for context in self.contexts:
            self.free(context)
        self.contexts, self.buffers = [], []

    def context(self):
        self.contexts.append(self.init(self.Parameters(1 << 20, None, True)))
        return self.contexts[-1]

    def allocate(self, context, kind):
        self.buffers.append(self.alloc_ctx_tensors_from_buft(context, kind))
        return self.buffers[-1]

    def product(self, w, tokens):
        """A graph of the product with `tokens` rows, its input and its output."""
        context = self.context()
        x = self.new_tensor_2d(context, 0, self.k, tokens)
        y = self.mul_mat(context, w, x)
        graph = self.new_graph(context)
        self.build_forward_expand(graph, y)
        self.allocate(context, self.cpu_buffer_type())
        return graph, x, y

    def make(self, name):
        kind = self.TYPES[name]
        block = self.get_type_traits(kind).contents.block
        if self.k % block != 0:
            raise ValueError(f"{name} comes in blocks of {block}")
        codes = numpy.tile(self.quantize(kind, self.weights), self.times)
        for buffer_type in [*self.repacking_buffers(), self.cpu_buffer_type()]:
            context = self.context()
            w = self.new_tensor_2d(context, kind, self.k, self.n)
            self.allocate(context, buffer_type)
            if self.dev_supports_op(self.device, self.product(w, 1)[2]):
                break
        self.tensor_set(w, codes.ctypes.data, 0, codes.size)
        return {"weights": w, "how": "plain" if buffer_type == self.cpu_buffer_type() else "repacked"}

    def describe(self, prepared):
        return prepared["how"]

    def quantize(self, kind, w):
        codes = numpy.empty(len(w) * self.row_size(kind, self.k), numpy.uint8)
        self.quantize_chunk(kind, w.ctypes.data, codes.ctypes.data, 0, len(w), self.k, None)
        return codes

    def rates(self, name):
        kind, w = self.TYPES[name], self.weights[:64]
        to_float = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)(self.get_type_traits(kind).contents.to_float)
        codes, out = self.quantize(kind, w), numpy.empty_like(w)
        return rates(w.size, lambda: self.quantize(kind, w), lambda: to_float(codes.ctypes.data, out.ctypes.data, out.size))

    def bind(self, prepared, x):
        tokens = len(x)
        if tokens not in prepared:
            prepared[tokens] = self.product(prepared["weights"], tokens)
        graph, input_, output = prepared[tokens]
        self.tensor_set(input_, x.ctypes.data, 0, x.nbytes)

        def run():
            if self.graph_compute(self.backend, graph) != 0:
                raise RuntimeError("ggml_backend_graph_compute failed")

        def result():
            y = numpy.empty((tokens, self.n), numpy.float32)
            self.tensor_get(output, y.ctypes.data, 0, y.nbytes)
            return y

        return run, result


class BitsAndBytes(Peer):
    """NF4 in blocks: kernels nf4/<block>/<f32 or bf16>."""

    def __init__(self, threads):
        super().__init__(threads)
        import bitsandbytes
        import torch

        torch.set_num_threads(threads)
        self.version = bitsandbytes.__version__

    def make(self, _, block, kind):
        import bitsandbytes.functional
        import torch

        dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[kind]
        w = torch.from_numpy(self.weights).repeat(self.times, 1).to(dtype)
        return dtype, *bitsandbytes.functional.quantize_4bit(w, quant_type="nf4", blocksize=int(block))

    def bind(self, prepared, x):
        import bitsandbytes
        import torch

        dtype, codes, state = prepared
        x, result = torch.from_numpy(x).to(dtype), []

        def run():
            with torch.no_grad():
                result[:] = [bitsandbytes.matmul_4bit(x, codes.t(), quant_state=state)]

        return run, lambda: result[0].float().numpy()


    def rates(self, kernel):
        from bitsandbytes.functional import dequantize_4bit, quantize_4bit
        import torch

        w = torch.from_numpy(self.weights[:1024])
        block = int(kernel.split("/")[1])
        codes, state = quantize_4bit(w, quant_type="nf4", blocksize=block)
        return rates(w.numel(), lambda: quantize_4bit(w, quant_type="nf4", blocksize=block), lambda: dequantize_4bit(codes, state))


PEERS = {"onnxruntime": OnnxRuntime, "torch": Torch, "llama.cpp": LlamaCpp, "bitsandbytes": BitsAndBytes}


def main():
    # Libraries write to standard output as they like, which here is for answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        peer = PEERS[sys.argv[1]](int(sys.argv[2]))
    except Exception as error:
        print(f"skip {type(error).__name__}: {error}".replace("\n", " "), file=answers)
        return
    print(peer.version, file=answers)
    for line in sys.stdin:
        verb, *arguments = line.split()
        try:
            print(getattr(peer, verb)(*arguments), file=answers)
        except Exception as error:
            print(f"skip {type(error).__name__}: {error}".replace("\n", " ")[:300], file=answers)


if __name__ == "__main__":
    main()
