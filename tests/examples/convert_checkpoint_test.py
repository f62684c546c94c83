"""convert_checkpoint as a person uses it: convert_checkpoint_test.py <program>

A model is quantized into one dialect and carried through others; plain floats of each file are compared, bit for bit where numbers are
equal. What cannot be carried must say so and leave nothing."""

import array
import json
import math
import os
import shutil
import struct
import subprocess
import sys
import tempfile

program = sys.argv[1]
data = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples/data")


def run(*arguments):
    return subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def good(*arguments):
    done = run(*arguments)
    assert done.returncode == 0, (arguments, done.stdout[-400:], done.stderr)
    return done.stdout


def tensors(folder):
    """name -> (dtype, shape, bytes) of a folder's model.safetensors"""
    with open(os.path.join(folder, "model.safetensors"), "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        begin = file.tell()
        found = {}
        for name, entry in header.items():
            if name != "__metadata__":
                file.seek(begin + entry["data_offsets"][0])
                found[name] = entry["dtype"], entry["shape"], file.read(entry["data_offsets"][1] - entry["data_offsets"][0])
    return found


def floats(source, folder):
    """The numbers of a model, by the converter itself, with minus zeros as zeros."""
    good(source, folder, "--to", "safetensors")
    found = {}
    for name, (dtype, shape, content) in tensors(folder).items():
        found[name] = (dtype, shape, [x + 0.0 for x in array.array("f", content)] if dtype == "F32" else content)
    return found


with tempfile.TemporaryDirectory() as temporary:
    at = lambda name: os.path.join(temporary, name)
    os.mkdir(at("model"))
    shutil.copy(os.path.join(data, "tinylm.safetensors"), at("model/model.safetensors"))
    shutil.copy(os.path.join(data, "config.json"), at("model/config.json"))

    # Each begins with a scheme of its own, and goes on to every dialect that holds those numbers, and back.
    ways = {
        "int4_g128": ["gptq", "awq", "compressed-tensors", "mlx", "gguf", "gptq"],
        "uint4_g128": ["gptq", "awq", "compressed-tensors", "gptq"],
        "int3_g128": ["gptq", "compressed-tensors", "gptq"],
        "int8_channel": ["compressed-tensors"],
        "mxfp4": ["compressed-tensors", "gguf", "compressed-tensors"],
        "nvfp4": ["compressed-tensors"],
        "nf4_g64": ["bitsandbytes"],
        "Q4_0": ["gguf", "gptq", "compressed-tensors", "awq", "gguf"],
        "Q8_0": ["gguf", "gptq", "gguf"],
        "Q4_K": ["gguf", "mlx"],
    }
    for scheme, dialects in ways.items():
        source, numbers = at("model"), None
        for i, dialect in enumerate(dialects):
            target = at(f"{scheme}_{i}" + (".gguf" if dialect == "gguf" else ""))
            text = good(source, target, "--to", dialect, *(["--quantize", scheme] if i == 0 else []))
            last = text.splitlines()[-2]
            assert (" 0 layers keep" not in last) == (i != 0) and " 0 do not fit" in last, (scheme, dialect, last)
            found = floats(target, at("floats"))
            shutil.rmtree(at("floats"))
            assert len(found) == 57
            if numbers:
                changed = [name for name in numbers if numbers[name][2] != found[name][2] and numbers[name][0] == found[name][0]]
                assert not changed, (scheme, dialect, changed[:3])
            numbers, source = found, target
            if dialect != "gguf":
                method = json.load(open(os.path.join(target, "config.json"), encoding="utf-8"))
                assert "quantization_config" in method and method["model_type"] == "llama", target
        print(f"{scheme}: {' -> '.join(dialects)}")

    # What is far from the model's own numbers is not what the scheme gives.
    good(at("model"), at("q8"), "--to", "gptq", "--quantize", "int4_g32", "--dry-run")
    assert not os.path.exists(at("q8"))
    refused = run(at("nf4_g64_0"), at("none"), "--to", "gptq")
    assert refused.returncode == 1 and "does not fit" in refused.stdout and not os.path.exists(at("none")), refused
    anew = good(at("nf4_g64_0"), at("anew"), "--to", "gptq", "--quantize", "int4_g32")
    errors = [float(line.split("error ")[1].split()[0]) for line in anew.splitlines() if "error " in line]
    assert len(errors) == 42 and max(errors) < 0.12, errors[:3]
    original = tensors(at("model"))["model.layers.0.mlp.up_proj.weight"][2]
    original = [struct.unpack("<f", b"\0\0" + original[i : i + 2])[0] for i in range(0, len(original), 2)]
    values = floats(at("int4_g128_0"), at("floats"))["model.layers.0.mlp.up_proj.weight"][2]
    error = math.sqrt(sum((a - b) ** 2 for a, b in zip(original, values)) / sum(a * a for a in original))
    assert 0.05 < error < 0.15, error
    for arguments in ([at("nowhere"), at("x"), "--to", "gptq"], [at("model"), at("x"), "--to", "gguf", "--quantize", "int9"],
                      [at("model"), at("x"), "--to", "gptq", "--all"], [at("model"), at("x"), "--to", "tar"]):
        failed = run(*arguments)
        assert failed.returncode == 2 and failed.stderr.count("\n") == 1 and not os.path.exists(at("x")), failed
print("ok")
