"""quantize_model on another Llama than tinylm: quantize_llama_test.py PROGRAM

A small random model with a vocabulary of 300, a tied head, grouped queries and defaults left out of config.json. What the program says of its
perplexity must be what NumPy finds for the checkpoint that it wrote.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import numpy as np
except ImportError:
    print("SKIPPED: numpy is missing")
    sys.exit(77)

PROGRAM = sys.argv[1]
LAYERS, WIDTH, HEADS, KV_HEADS, HEAD, MLP, VOCABULARY, THETA, EPSILON = 2, 128, 4, 2, 32, 192, 300, 5000.0, 1e-6
CONFIG = {
    "model_type": "llama", "hidden_size": WIDTH, "intermediate_size": MLP, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS, "vocab_size": VOCABULARY, "max_position_embeddings": 4096, "rms_norm_eps": EPSILON, "rope_theta": THETA,
    "rope_scaling": None, "tie_word_embeddings": True,
}
rng = np.random.default_rng(5)


def save(path, tensors):
    header, end = {}, 0
    for name, t in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [end, end + t.nbytes]}
        end += t.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(t.tobytes() for t in tensors.values()))


def load(path):
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    tensors = {}
    for name, t in json.loads(data[8 : 8 + size]).items():
        if name == "__metadata__":
            continue
        raw = data[8 + size + t["data_offsets"][0] : 8 + size + t["data_offsets"][1]]
        if t["dtype"] == "BF16":
            values = (np.frombuffer(raw, np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            values = np.frombuffer(raw, {"F32": np.float32, "F16": np.float16}[t["dtype"]])
        tensors[name] = values.astype(np.float64).reshape(t["shape"])
    return tensors


def model():
    def weight(rows, cols):
        return (rng.standard_normal((rows, cols)) / cols**0.5).astype(np.float32)

    tensors = {"model.embed_tokens.weight": weight(VOCABULARY, WIDTH), "model.norm.weight": np.ones(WIDTH, np.float32)}
    for i in range(LAYERS):
        block = f"model.layers.{i}."
        for norm in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{block}{norm}.weight"] = rng.uniform(0.5, 1.5, WIDTH).astype(np.float32)
        for name, rows, cols in [("q", HEADS * HEAD, WIDTH), ("k", KV_HEADS * HEAD, WIDTH), ("v", KV_HEADS * HEAD, WIDTH), ("o", WIDTH, HEADS * HEAD)]:
            tensors[f"{block}self_attn.{name}_proj.weight"] = weight(rows, cols)
        for name, rows, cols in [("gate", MLP, WIDTH), ("up", MLP, WIDTH), ("down", WIDTH, MLP)]:
            tensors[f"{block}mlp.{name}_proj.weight"] = weight(rows, cols)
    return tensors


def norm(x, w):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON) * w


def rotate(x):
    angles = np.outer(np.arange(len(x)), THETA ** (-np.arange(0, HEAD, 2) / HEAD))[:, None, :]
    a, b = np.split(x, 2, axis=-1)
    return np.concatenate([a * np.cos(angles) - b * np.sin(angles), b * np.cos(angles) + a * np.sin(angles)], -1)


def surprise(t, tokens):
    """-log p of each token after the first."""
    x, n = t["model.embed_tokens.weight"][tokens], len(tokens)
    for i in range(LAYERS):
        w = {name.removeprefix(f"model.layers.{i}."): v for name, v in t.items()}
        y = norm(x, w["input_layernorm.weight"])
        q, k, v = ((y @ w[f"self_attn.{p}_proj.weight"].T).reshape(n, -1, HEAD) for p in "qkv")
        k, v = (np.repeat(m, HEADS // KV_HEADS, axis=1) for m in (rotate(k), v))
        scores = np.einsum("ihd,jhd->hij", rotate(q), k) / HEAD**0.5 + np.triu(np.full((n, n), -np.inf), 1)
        p = np.exp(scores - scores.max(-1, keepdims=True))
        x = x + np.einsum("hij,jhd->ihd", p / p.sum(-1, keepdims=True), v).reshape(n, -1) @ w["self_attn.o_proj.weight"].T
        y = norm(x, w["post_attention_layernorm.weight"])
        gate = y @ w["mlp.gate_proj.weight"].T
        x = x + (gate / (1 + np.exp(-gate)) * (y @ w["mlp.up_proj.weight"].T)) @ w["mlp.down_proj.weight"].T
    logits = norm(x, t["model.norm.weight"]) @ t["lm_head.weight"].T
    top = logits.max(-1, keepdims=True)
    logits = logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True))
    return -logits[np.arange(n - 1), tokens[1:]]


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True)


with tempfile.TemporaryDirectory() as directory:
    folder, out = Path(directory) / "llama", Path(directory) / "out"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    save(folder / "model.safetensors", model())
    tokens = rng.integers(0, VOCABULARY, 12 * 48).astype(np.uint16)
    tokens.tofile(folder / "text.u16")
    options = ["--data", folder, "--eval", "text.u16", "--calibration-text", "text.u16", "--token-bytes", 2, "--context", 48, "--calibration", 4]
    for method in ("uint4_g32 gptq act_order", "uint4_g32 awq", "int4_g32 gptq rotate"):
        done = run(method, "--out", out, *options)
        assert done.returncode == 0, done.stderr
        t = load(out / "model.safetensors")
        expected = np.exp(np.mean([surprise(t, window) for window in tokens.astype(int).reshape(12, 48)]))
        said = float(done.stdout.split("perplexity ")[1].split(",")[0])
        print(f"{method}: perplexity {said:.4f}, {expected:.4f} by NumPy")
        assert abs(said / expected - 1) < 1e-4
        assert json.loads((out / "config.json").read_text())["tie_word_embeddings"] is False

    for change, words in [
        ({"rope_scaling": {"rope_type": "llama3"}}, "rope_scaling is not supported"),
        ({"attention_bias": True}, "attention_bias is not supported"),
        ({"model_type": "gemma"}, "model_type is not llama"),
        ({"vocab_size": 299}, "not of the shape"),
        ({"num_attention_heads": 0}, "is not a number from 1"),
        ({"head_dim": 20}, "no multiple of 32"),
    ]:
        (folder / "config.json").write_text(json.dumps({**CONFIG, **change}))
        failed = run("uint4_g32 rtn", *options)
        assert failed.returncode == 2 and words in failed.stderr and failed.stderr.count("\n") == 1, (change, failed.stderr)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    bad = ["bad.u16" if option == "text.u16" else option for option in options]
    np.array([1, 300, 2] * 20, np.uint16).tofile(folder / "bad.u16")
    failed = run("uint4_g32 rtn", *bad)
    assert failed.returncode == 2 and "token 1 is 300, but the vocabulary has 300" in failed.stderr, failed.stderr
    (folder / "bad.u16").write_bytes(b"abc")
    failed = run("uint4_g32 rtn", *bad)
    assert failed.returncode == 2 and "no whole number of tokens" in failed.stderr, failed.stderr
