"""Uses quantize_model as a person does: quantize_model_test.py PROGRAM

A checkpoint is whole, says what it holds, and is the same after an interruption; mistakes give one line and exit code 2.
"""

import json
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAM = sys.argv[1]
QUICK = ["--calibration", "2", "--windows", "4", "--threads", "2"]


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True)


def tensors(folder):
    data = (folder / "model.safetensors").read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + size])


with tempfile.TemporaryDirectory() as directory:
    out = Path(directory)
    whole = run("int4_g128 gptq", "--out", out / "whole", "--dialect", "gptq", *QUICK)
    assert whole.returncode == 0, whole.stderr
    assert "perplexity 2." in whole.stdout and "4.1250 bits per weight" in whole.stdout, whole.stdout
    header = tensors(out / "whole")
    assert header["model.layers.5.mlp.down_proj.qweight"]["shape"] == [96, 256]
    assert header["model.norm.weight"]["dtype"] == "BF16" and not (out / "whole" / "unfinished").exists()
    config = json.loads((out / "whole" / "config.json").read_text())
    assert config["quantization_config"]["bits"] == 4 and config["model_type"] == "llama"

    # Interrupted after a block or two, and run again.
    process = subprocess.Popen([PROGRAM, "int4_g128 gptq", "--out", str(out / "twice"), "--dialect", "gptq", *QUICK])
    for _ in range(2000):
        if (out / "twice" / "unfinished" / "block-1" / "config.json").exists() or process.poll() is not None:
            break
        time.sleep(0.01)
    process.kill()
    process.wait()
    if (out / "twice" / "unfinished").exists():
        other = run("int4_g128 rtn", "--out", out / "twice", "--dialect", "gptq", *QUICK)
        assert other.returncode == 2 and "was made by 'int4_g128 gptq'" in other.stderr, other.stderr
    again = run("int4_g128 gptq", "--out", out / "twice", "--dialect", "gptq", *QUICK)
    assert again.returncode == 0, again.stderr
    assert again.stdout.split(", quantized")[0] == whole.stdout.split(", quantized")[0]
    assert (out / "twice" / "model.safetensors").read_bytes() == (out / "whole" / "model.safetensors").read_bytes()
    shutil.rmtree(out / "twice")

    # Scales of channels end up in the norms, which bf16 then no longer holds.
    scaled = run("uint4_g128 awq gptq", "--out", out / "awq", "--dialect", "awq", "--no-perplexity", *QUICK)
    assert scaled.returncode == 0, scaled.stderr
    assert tensors(out / "awq")["model.layers.0.input_layernorm.weight"]["dtype"] == "F32"

    # What the unquantized model's layers read is collected once, and serves other methods.
    statistics = ["--calibration-file", out / "calibration.safetensors", *QUICK]
    first = run("uint3_g128 gptq parallel", *statistics)
    assert first.returncode == 0, first.stderr
    again = run("uint3_g128 gptq parallel", *statistics[:2], *QUICK[2:], "--calibration", "1")
    assert again.stdout.split(", quantized")[0] == first.stdout.split(", quantized")[0], again.stderr
    assert run("uint3_g128 awq parallel", *statistics).returncode == 0

    # Several schemes under a budget.
    mixed = run("uint4_g128,uint3_g128,uint2_g128 rtn budget=3.2", "--out", out / "mixed", "--dialect", "compressed-tensors", *QUICK)
    assert mixed.returncode == 0, mixed.stderr
    assert 3.0 < float(mixed.stdout.split(", ")[1].split()[0]) <= 3.2, mixed.stdout
    for arguments, words in [
        (["int5_g128"], "no scheme is named 'int5_g128'"),
        (["int4_g128 gptqq"], "'gptqq' is nothing that a method is told"),
        (["int4_g128 damping=x"], "has no number"),
        (["int4_g128 hqq"], "HQQ takes schemes"),
        (["int4_g128", "--out", out / "bad", "--dialect", "bitsandbytes"], "cannot be written as bitsandbytes"),
        (["int4_g128", "--out", out / "bad", "--dialect", "gguf"], "no dialect that is written here"),
        (["int4_g128", "--data", out], "config.json is missing"),
        (["uint4_g128,uint3_g128 rtn"], "several schemes and a budget go together"),
        (["uint4_g128,uint3_g128 rtn budget=3"], "more than the budget"),
        (["int4_g128 gptq", "--calibration-file", out / "calibration.safetensors"], "serves a method that is parallel"),
        (["int4_g128 gptq parallel", "--calibration-file", out / "whole" / "model.safetensors"], "holds no statistics"),
        (["int8_channel smooth parallel"], "so it is not parallel"),
        (["int8_channel llm_int8", "--out", out / "bad"], "no dialect holds the columns"),
    ]:
        failed = run(*arguments, *QUICK)
        assert failed.returncode == 2 and words in failed.stderr and failed.stderr.count("\n") == 1, (arguments, failed.stderr)
        assert not (out / "bad" / "model.safetensors").exists()
print("quantize_model: checkpoints, interruption and mistakes as they should be")
