"""inspect_checkpoint as a person uses it: inspect_checkpoint_test.py <program>

Files are written byte by byte here, and the printed figures are computed a second time in plain Python."""

import json
import math
import os
import struct
import subprocess
import sys
import tempfile

program = sys.argv[1]
data = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples/data")


def run(*arguments):
    return subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def safetensors_file(path, tensors):
    """tensors: name -> (dtype, shape, bytes)"""
    header, blob = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(blob), len(blob) + len(content)]}
        blob += content
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + blob)
    return path


def line_of(result, name):
    lines = [line for line in result.stdout.splitlines() if line.startswith(name + " ")]
    assert len(lines) == 1, (name, result.stdout, result.stderr)
    return lines[0][44:].split()


def check_floats(folder):
    numbers = [0.5, -2.0, 0.0, math.nan, math.inf, -math.inf, 3.0]
    path = safetensors_file(
        os.path.join(folder, "floats.safetensors"),
        {"some": ("F32", [7], struct.pack("<7f", *numbers)), "fine": ("F16", [2, 2], struct.pack("<4e", 1, 2, 3, 4)), "complex": ("C64", [1], bytes(8))},
    )
    result = run(path)
    assert result.returncode == 1, result
    finite = [x for x in numbers if math.isfinite(x)]
    mean = sum(finite) / len(finite)
    deviation = (sum((x - mean) ** 2 for x in finite) / len(finite)) ** 0.5
    assert line_of(result, "some") == ["7", "F32", "-2", "3", f"{mean:.3g}", f"{deviation:.3g}", "1", "1", "2"], line_of(result, "some")
    assert line_of(result, "fine")[:5] == ["2", "x", "2", "F16", "1"]
    assert line_of(result, "complex")[-2:] == ["(not", "read)"]
    assert "3 other tensors, 12 elements" in result.stdout and result.stdout.endswith("3 not finite\n")
    only = run(path, "--include", "f*")
    assert only.returncode == 0 and "some" not in only.stdout and "1 other tensors, 4 elements, 16.000 bits each; 0 not finite" in only.stdout


def check_gptq(folder):
    """A GPTQ layer of 8 outputs and 64 inputs in groups of 32; every code is 3, zero points are 8 but for a 7 (stored less 1), one scale is zero."""
    folder = os.path.join(folder, "gptq")
    os.mkdir(folder)
    scales = [0.25] * 15 + [0.0]
    safetensors_file(
        os.path.join(folder, "model.safetensors"),
        {
            "layer.qweight": ("I32", [8, 8], bytes([0x33] * 256)),
            "layer.qzeros": ("I32", [2, 1], bytes([0x76] + [0x77] * 7)),
            "layer.scales": ("F16", [2, 8], struct.pack("<16e", *scales)),
            "layer.g_idx": ("I32", [64], struct.pack("<64i", *[k // 32 for k in range(64)])),
        },
    )
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump({"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 32, "sym": False, "desc_act": False, "checkpoint_format": "gptq"}}, f)
    result = run(folder)
    assert result.returncode == 0, result
    assert ": gptq\n" in result.stdout
    line = line_of(result, "layer")
    weights = [(3 - (7 if i == 0 else 8)) * s for i, s in enumerate(scales) for _ in range(32)]
    mean = sum(weights) / len(weights)
    deviation = (sum((w - mean) ** 2 for w in weights) / len(weights)) ** 0.5
    # 4 bits a code, and 16 of a scale and 4 of a zero point for 32 of them; all codes are the same one, none at an end.
    assert line[:12] == ["8", "x", "64", f"{4 + 20 / 32:.3f}", "0.00", "0.00", "%", "0", "0.25", "1", f"{deviation:.3g}", "0"], line
    assert "per_group<32>" in " ".join(line[12:])
    assert "1 quantized layers, 512 weights, 4.625 bits each; 0 other tensors" in result.stdout, result.stdout


def check_gguf(folder):
    """A Q8_0 matrix of two rows: codes -127, 0, 127 and others under the scale 0.5, and NaN as the other row's scale."""
    path = os.path.join(folder, "model.gguf")
    codes = [-127, 0, 127] + list(range(29))
    header = b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + struct.pack("<Q", 3) + b"w.x" + struct.pack("<IQQIQ", 2, 32, 2, 8, 0)
    blocks = struct.pack("<e32b", 0.5, *codes) + struct.pack("<e32b", math.nan, *codes)
    with open(path, "wb") as f:
        f.write(header + bytes(-len(header) % 32) + blocks)
    result = run(path)
    assert result.returncode == 1 and ": gguf\n" in result.stdout, result
    line = line_of(result, "w.x")
    assert line[:4] == ["2", "x", "32", "8.500"] and line[7:10] == ["0.5", "0.5", "0"] and line[11] == "32", line
    assert result.stdout.endswith("; 32 not finite\n")


def check_mistakes(folder):
    text = os.path.join(folder, "text.safetensors")
    with open(text, "w") as f:
        f.write("this is no model, but it is long enough to be one")
    for arguments in ((), ("nope.safetensors",), (text,), (folder, "--bogus")):
        result = run(*arguments)
        lines = result.stderr.splitlines()
        assert result.returncode == 2 and len(lines) == 1 and lines[0].startswith("inspect_checkpoint: "), (arguments, result)


with tempfile.TemporaryDirectory() as directory:
    check_floats(directory)
    check_gptq(directory)
    check_gguf(directory)
    check_mistakes(directory)
    model = run(os.path.join(data, "tinylm.safetensors"))
    assert model.returncode == 0 and "0 quantized layers" in model.stdout and model.stdout.endswith("16.000 bits each; 0 not finite\n")
print("floats, a GPTQ layer, a GGUF file, mistakes and tinylm")
