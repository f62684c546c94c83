"""tinylm export as a person uses it: tinylm_export_test.py <program>

The files are read by the gguf package (else exit code 77), whose weights are compared with those of the model; where llama.cpp is there
too, it runs them, and its perplexity is compared with tinylm's own."""

import os
import re
import subprocess
import sys
import tempfile

try:
    import gguf
    import ml_dtypes  # which gives numpy its bfloat16
    import numpy
    from safetensors import safe_open
except ImportError as missing:
    print(f"SKIPPED: {missing}")
    sys.exit(77)
try:
    import llama_cpp

    defaults = llama_cpp.llama_cpp.llama_model_default_params

    def plain_buffers():
        # Weights that are not repacked, since some virtual machines announce AMX without giving it.
        parameters = defaults()
        parameters.use_extra_bufts = False
        return parameters

    llama_cpp.llama_cpp.llama_model_default_params = plain_buffers
except ImportError:
    llama_cpp = None

program = sys.argv[1]
data = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples/data")
# The largest relative error of a layer.
types = {"F32": 0, "BF16": 0, "F16": 1e-3, "Q8_0": 0.01, "Q6_K": 0.03, "Q5_K": 0.06, "Q4_K": 0.1, "Q4_0": 0.12, "MXFP4": 0.15, "IQ4_XS": 0.12,
         "Q2_K": 0.4}
names = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output", "gate_proj": "ffn_gate", "up_proj": "ffn_up",
         "down_proj": "ffn_down"}
WINDOWS = 8


def run(*arguments):
    return subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def model_weights():
    with safe_open(os.path.join(data, "tinylm.safetensors"), framework="numpy") as file:
        for name in file.keys():
            w = file.get_tensor(name).astype(numpy.float32)
            match = re.fullmatch(r"model\.layers\.(\d+)\.\w+\.(\w+)\.weight", name)
            if not match or match[2] not in names:
                continue
            if match[2] in ("q_proj", "k_proj"):
                # Halves of a head side by side, as GGUF's Llama turns them.
                w = w.reshape(-1, 2, 16, w.shape[1]).swapaxes(1, 2).reshape(w.shape)
            yield f"blk.{match[1]}.{names[match[2]]}.weight", w


def llama_perplexity(path):
    text = numpy.fromfile(os.path.join(data, "eval.txt"), dtype=numpy.uint8)[: 384 * 512].reshape(384, 512)
    llama = llama_cpp.Llama(model_path=path, n_ctx=512, n_batch=512, logits_all=True, verbose=False, n_threads=1)
    total = 0.0
    for window in text[numpy.arange(WINDOWS) * 384 // WINDOWS]:
        llama.reset()
        llama.eval([int(byte) for byte in window])
        logits = numpy.array(llama.scores[:512], dtype=numpy.float64)
        total += (numpy.log(numpy.exp(logits).sum(1))[:-1] - logits[numpy.arange(511), window[1:]]).sum()
    return numpy.exp(total / (WINDOWS * 511))


weights = dict(model_weights())
assert len(weights) == 42
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "tinylm.gguf")
    for kind, most in types.items():
        done = run("export", path, "--type", kind)
        assert done.returncode == 0, done.stderr
        reader = gguf.GGUFReader(path)
        tensors = {t.name: t for t in reader.tensors}
        assert reader.fields["general.architecture"].contents() == "llama"
        worst = 0.0
        for name, w in weights.items():
            tensor = tensors[name]
            assert tensor.tensor_type.name == kind, (name, tensor.tensor_type)
            found = gguf.quants.dequantize(tensor.data, tensor.tensor_type).reshape(w.shape)
            worst = max(worst, numpy.sqrt(((found - w) ** 2).sum() / (w**2).sum()))
        print(f"{kind}: relative error {worst:.4f}")
        assert worst <= most, (kind, worst)
        if llama_cpp and kind in ("F16", "Q8_0", "Q4_0", "Q4_K", "MXFP4"):
            measured = run("perplexity", "--gguf", path, "--windows", str(WINDOWS))
            assert measured.returncode == 0, measured.stderr
            ours = float(re.search(r"perplexity ([\d.]+)", measured.stdout)[1])
            theirs = llama_perplexity(path)
            print(f"{kind}: perplexity {ours:.5f}, llama.cpp {theirs:.5f}")
            assert abs(theirs / ours - 1) < 0.005, kind
    for reference in ("Q4_0", "Q8_0"):
        assert run("export", path, "--type", reference, "--as-ggml").returncode == 0
        for tensor in gguf.GGUFReader(path).tensors:
            if tensor.name in weights:
                expected = gguf.quants.quantize(weights[tensor.name], tensor.tensor_type)
                assert numpy.array_equal(tensor.data.reshape(expected.shape), expected), (reference, tensor.name)
    for bad in ("Q4_X", "IQ2_XS"):
        failed = run("export", os.path.join(folder, "none.gguf"), "--type", bad)
        assert failed.returncode == 2 and bad in failed.stderr and failed.stderr.count("\n") == 1, failed
        assert not os.path.exists(os.path.join(folder, "none.gguf"))
    if llama_cpp is None:
        print("llama.cpp is not there: nothing was run in it")
print("ok")
