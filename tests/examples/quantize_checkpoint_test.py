"""quantize_checkpoint as a person uses it: quantize_checkpoint_test.py <program>

Good runs are checked against an independent reading of the output with numpy; bad ones must give one line, exit code 2
and leave no file. The numbers need numpy, ml_dtypes and safetensors; without them, exit code 77 after the rest."""

import json
import os
import re
import resource
import signal
import struct
import subprocess
import sys
import tempfile

program = sys.argv[1]
data = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples/data")
model = os.path.join(data, "tinylm.safetensors")


def run(*arguments, **options):
    return subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


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


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


def check_mistakes(folder):
    out = os.path.join(folder, "out.safetensors")
    text = os.path.join(folder, "text")
    with open(text, "w") as f:
        f.write("this is no model, but it is long enough to be one")
    truncated = os.path.join(folder, "truncated.safetensors")
    with open(model, "rb") as f, open(truncated, "wb") as g:
        g.write(f.read(1_000_000))
    narrow = safetensors_file(os.path.join(folder, "narrow.safetensors"), {"w": ("F32", [2, 24], floats(*range(48)))})
    huge = safetensors_file(os.path.join(folder, "huge.safetensors"), {"fine": ("F32", [1, 128], floats(*range(128))), "w": ("F32", [1, 128], floats(*[1e30] * 128))})
    empty = safetensors_file(os.path.join(folder, "empty.safetensors"), {})
    taken = safetensors_file(os.path.join(folder, "taken.safetensors"), {"w": ("F32", [2, 1], floats(1, 2)), "w.codes": ("F32", [1], floats(1))})
    before = set(os.listdir(folder))

    def bad(message, *arguments, **options):
        result = run(*arguments, **options)
        lines = result.stderr.splitlines()
        assert result.returncode == 2, (arguments, result)
        assert len(lines) == 1 and lines[0].startswith("quantize_checkpoint: ") and message in lines[0], (message, result.stderr)
        assert set(os.listdir(folder)) == before, (arguments, os.listdir(folder))

    bad("input is required")
    bad("output is required", model, "nvfp4")
    bad("--bogus", model, "nvfp4", out, "--bogus")
    bad("'nope': No such file or directory", "nope", "nvfp4", out)
    bad("not a regular file", folder, "nvfp4", out)
    bad("text: not a safetensors file", text, "nvfp4", out)
    bad("the tensors cover 9705984 bytes of data, but the file has", truncated, "nvfp4", out)
    bad("unknown preset 'int5'; there are: int8_tensor int8_channel", model, "int5", out)
    bad("'w' is 2 x 24, but int4_g32 takes rows of whole groups of 32", narrow, "int4_g32", out)
    bad("'w'", huge, "int4_g128", out)
    bad("no tensor to quantize among 0", empty, "nvfp4", out)
    bad("no tensor to quantize", model, "nvfp4", out, "--include", "*nothing*")
    bad("'model.norm.weight' is no matrix", model, "nvfp4", out, "--include", "model.norm.weight")
    bad("'w.codes' is defined twice", taken, "int8_channel", out)
    bad("cannot create", model, "nvfp4", os.path.join(folder, "nowhere", "out"))
    bad("not a regular file", model, "nvfp4", "/dev/full")
    bad("not a regular file", model, "nvfp4", folder)
    bad("is the input itself", narrow, "int8_channel", narrow)

    # A full disk, early and late, and one that held an older file.
    def small_files(size):
        return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    for size in (0, 5000, 100_000, 2_900_000):
        bad(f"cannot write '{out}': File too large", model, "nvfp4", out, preexec_fn=small_files(size))
    with open(out, "w") as f:
        f.write("older")
    before.add("out.safetensors")
    bad("File too large", model, "nvfp4", out, preexec_fn=small_files(100_000))
    with open(out) as f:
        assert f.read() == "older"
    os.remove(out)
    before.remove("out.safetensors")


def check_interrupt(folder):
    """Interrupted on the way: no file, or if it came too late, the whole file."""
    rows, cols = 20_000, 256
    tensors = {f"w{i}": ("F32", [rows, cols], bytes(4 * rows * cols)) for i in range(4)}
    source = safetensors_file(os.path.join(folder, "large.safetensors"), tensors)
    before = set(os.listdir(folder))
    out = os.path.join(folder, "interrupted.safetensors")
    process = subprocess.Popen([program, source, "nvfp4", out], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    stderr = process.communicate()[1]
    if process.returncode == 0:
        with open(out, "rb") as f:
            assert struct.unpack("<Q", f.read(8))[0] > 0
        os.remove(out)
    else:
        assert process.returncode == 2 and "interrupted" in stderr and len(stderr.splitlines()) == 1, (process.returncode, stderr)
    assert set(os.listdir(folder)) == before
    os.remove(source)


def check_choice(folder):
    out = os.path.join(folder, "chosen.safetensors")

    def names(*arguments):
        result = run(model, "mxfp4", out, *arguments)
        assert result.returncode == 0, result.stderr
        assert result.stderr == ""
        with open(out, "rb") as f:
            header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        return {name[: -len(".codes")] for name in header if name.endswith(".codes")}

    everything = names("--exclude", "")
    default = names()
    assert len(everything) == 44 and everything - default == {"lm_head.weight", "model.embed_tokens.weight"}
    assert names("--exclude", "*.mlp.*", "--exclude", "lm_head*") == {n for n in everything if ".mlp." not in n and "lm_head" not in n}
    assert names("--include", "*.layers.[0-2].*q_proj*", "--include", "lm_head.weight") == {
        "lm_head.weight",
        *(f"model.layers.{i}.self_attn.q_proj.weight" for i in range(3)),
    }
    narrow = safetensors_file(os.path.join(folder, "narrow.safetensors"), {"w": ("F32", [2, 24], floats(*range(48)))})
    assert run(narrow, "int4_g32", out, "--ragged").returncode == 0
    assert "int3_g128" in run("--help").stdout
    os.remove(out)


# An independent reading of the output.


def unpack_bits(raw, rows, cols, bits):
    """Each row a stream of bits, least significant first."""
    stream = np.unpackbits(np.asarray(raw, np.uint8).reshape(rows, -1), axis=1, bitorder="little")[:, : cols * bits]
    return (stream.reshape(rows, cols, bits) << np.arange(bits)).sum(axis=2, dtype=np.int64)


def signed(codes, bits):
    return codes - ((codes >> (bits - 1)) << bits)


NF4 = [-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334]
NF4 += [-0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224]
NF4 += [0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0]


def expand(scales, cols):
    """Scales [rows, groups] for each of `cols` columns."""
    return np.repeat(scales, cols // scales.shape[1], axis=1) if scales.shape[1] > 1 else scales


def dequantized(tensors, name, preset, rows, cols):
    codes = tensors[name + ".codes"]
    scales = tensors[name + ".scales"].astype(np.float64)
    if preset in ("int8_channel", "int8_tensor"):
        return signed(unpack_bits(codes, rows, cols, 8), 8) * scales
    if preset in ("fp8_channel", "fp8_tensor"):
        return codes.view(ml_dtypes.float8_e4m3fn).astype(np.float64) * scales
    if preset in ("int4_g128", "int4_g32"):
        return signed(unpack_bits(codes, rows, cols, 4), 4) * expand(scales, cols)
    if preset == "int3_g128":
        return signed(unpack_bits(codes, rows, cols, 3), 3) * expand(scales, cols)
    if preset == "uint4_g128":
        zeros = unpack_bits(tensors[name + ".zeros"], rows, scales.shape[1], 4)
        return (unpack_bits(codes, rows, cols, 4) - expand(zeros, cols)) * expand(scales, cols)
    if preset == "int2_g32":
        zeros = signed(unpack_bits(tensors[name + ".zeros"], rows, scales.shape[1], 2), 2)
        return (signed(unpack_bits(codes, rows, cols, 2), 2) - expand(zeros, cols)) * expand(scales, cols)
    if preset == "fp8_block128":
        return codes.view(ml_dtypes.float8_e4m3fn).astype(np.float64) * np.repeat(np.repeat(scales, 128, axis=0), 128, axis=1)[:rows, :cols]
    if preset in ("mxfp8_e4m3", "mxfp8_e5m2"):
        values = codes.view(ml_dtypes.float8_e4m3fn if preset == "mxfp8_e4m3" else ml_dtypes.float8_e5m2)
        return values.astype(np.float64) * expand(scales, cols)
    if preset == "nf4_double":
        flat = np.repeat(tensors[name + ".scales.scales"].astype(np.float64).ravel(), 256)[: scales.size]
        return np.array(NF4)[unpack_bits(codes, rows, cols, 4)] * expand(scales * flat.reshape(scales.shape), cols)
    if preset == "nf4_g64":
        return np.array(NF4)[unpack_bits(codes, rows, cols, 4)] * expand(scales, cols)
    if preset in ("mxfp4", "nvfp4"):
        values = unpack_bits(codes, rows, cols, 4).astype(np.uint8).view(ml_dtypes.float4_e2m1fn).astype(np.float64)
        if preset == "nvfp4":
            scales = scales * tensors[name + ".scales.scales"].astype(np.float64)
        return values * expand(scales, cols)
    if preset in ("mxfp6_e2m3", "mxfp6_e3m2"):
        values = unpack_bits(codes, rows, cols, 6).astype(np.uint8)
        values = values.view(ml_dtypes.float6_e2m3fn if preset == "mxfp6_e2m3" else ml_dtypes.float6_e3m2fn)
        return values.astype(np.float64) * expand(scales, cols)
    if preset == "mxint8":
        return signed(unpack_bits(codes, rows, cols, 8), 8) / 64 * expand(scales, cols)
    raise AssertionError(preset)


def read_all(path):
    dtypes = {"BF16": ml_dtypes.bfloat16, "F16": np.float16, "F32": np.float32, "U8": np.uint8}
    dtypes |= {"F8_E4M3": ml_dtypes.float8_e4m3fn, "F8_E5M2": ml_dtypes.float8_e5m2, "F8_E8M0": ml_dtypes.float8_e8m0fnu}
    with open(path, "rb") as f:
        content = safetensors.deserialize(f.read())
    return {name: np.frombuffer(t["data"], dtypes[t["dtype"]]).reshape(t["shape"]) for name, t in content}


def check_numbers(folder):
    original = read_all(model)
    presets = re.search(r"Presets: (.*)", run("--help").stdout)[1].split()
    assert len(presets) >= 19
    for preset in presets:
        out = os.path.join(folder, preset + ".safetensors")
        result = run(model, preset, out)
        assert result.returncode == 0 and result.stderr == "", result
        printed = {}
        for line in result.stdout.splitlines():
            found = re.fullmatch(r"(.{48,}?) +([\d.]+) % +(-?[\d.]+) dB +([\d.]+) +(\d+) +(\d+) +[\d.]+", line)
            if found:
                printed[found[1].strip()] = [float(found[i]) for i in range(2, 7)]
        tensors = read_all(out)
        with safetensors.safe_open(out, "np") as f:
            metadata = f.metadata()
        assert metadata["format"] == "pt"
        signal_sum = noise_sum = 0.0
        after_sum = 0
        quantized = 0
        for name, weight in original.items():
            if weight.ndim != 2 or "embed" in name or "lm_head" in name:
                assert np.array_equal(tensors[name].view(np.uint16), weight.view(np.uint16)), name
                continue
            quantized += 1
            rows, cols = weight.shape
            assert json.loads(metadata["lowp." + name]) == {"preset": preset, "rows": rows, "cols": cols, "dtype": "BF16"}
            w = weight.astype(np.float64)
            back = dequantized(tensors, name, preset, rows, cols)
            noise, signal_power = ((back - w) ** 2).sum(), (w**2).sum()
            size = sum(t.nbytes for n, t in tensors.items() if n.startswith(name + "."))
            error, sqnr, bits, before, after = printed[name]
            assert abs(error - 100 * (noise / signal_power) ** 0.5) < 2e-4, (preset, name, error, 100 * (noise / signal_power) ** 0.5)
            assert abs(sqnr - 10 * np.log10(signal_power / noise)) < 0.006, (preset, name)
            assert abs(bits - 8 * size / w.size) < 0.00051 and before == weight.nbytes and after == size, (preset, name)
            signal_sum, noise_sum, after_sum = signal_sum + signal_power, noise_sum + noise, after_sum + size
        error, sqnr, bits, before, after = printed["all quantized weights"]
        assert quantized == 42 and len(printed) == 43
        assert abs(error - 100 * (noise_sum / signal_sum) ** 0.5) < 2e-4 and after == after_sum
        assert f"{model}: {os.path.getsize(model)} bytes -> {out}: {os.path.getsize(out)} bytes" in result.stdout
        os.remove(out)
    print(f"{len(presets)} presets, each weight read back with numpy: errors and sizes as printed")


with tempfile.TemporaryDirectory() as directory:
    check_mistakes(directory)
    check_interrupt(directory)
    check_choice(directory)
    try:
        import ml_dtypes
        import numpy as np
        import safetensors
    except ImportError as missing:
        print("SKIPPED the numbers:", missing)
        sys.exit(77)
    check_numbers(directory)
