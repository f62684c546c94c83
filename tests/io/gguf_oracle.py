"""lowp's GGUF reader and writer against the gguf package, in both directions and on malformed files."""

import os
import re
import subprocess
import sys
import tempfile

import gguf
import numpy as np

np.seterr(over="ignore")
program = sys.argv[1]
# Sizes that the package states wrongly: a block of Q8_1 has two halves since 2023. It is never stored in a file.
outdated = {"Q8_1"}
names = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "boolean", "string", "array", "uint64", "int64", "float64"]


def run(*arguments):
    return subprocess.run([program, *arguments], check=True, stdout=subprocess.PIPE).stdout.decode()


def hexadecimal(data):
    return bytes(data).hex() + "."


def described_by_package(path):
    """The same lines as `show`, or None if the package refuses the file. Nested arrays are more than it can tell."""
    try:
        reader = gguf.GGUFReader(path)
        lines = []
        for field in reader.fields.values():
            if field.name.startswith("GGUF."):
                continue
            text = ""
            if field.types[0] == gguf.GGUFValueType.ARRAY:
                elements = "".join(hexadecimal(field.parts[i].tobytes()) for i in field.data)
                text = f"{names[int(field.parts[3][0])]}[{elements}]"
            else:
                text = hexadecimal(field.parts[-1].tobytes())
            lines.append(f"value {hexadecimal(field.name.encode())} {names[field.types[0]]} {text}")
        for tensor in reader.tensors:
            shape = "".join(f"{d}," for d in reversed(tensor.shape.tolist()))
            lines.append(f"tensor {hexadecimal(tensor.name.encode())} {tensor.tensor_type.name} [{shape}] {hexadecimal(tensor.data.tobytes())}")
        return lines
    except (ValueError, KeyError, IndexError, OverflowError, TypeError, MemoryError, RecursionError, UnicodeError):
        return None


def nested(lines):
    return any(" array array[" in line for line in lines)


def check_verdicts(directory):
    """What both accept, they read the same; what lowp alone accepts is named."""
    run("dump", directory)
    files = both = neither = only_lowp = 0
    while os.path.exists(stem := f"{directory}/{files}") or os.path.exists(stem + ".txt"):
        files += 1
        name, verdict, *lines = open(stem + ".txt", encoding="utf-8").read().splitlines()
        base = name.split(" with bit ")[0]
        # The package walks arrays element by element, however many a file claims to have.
        if "without end" in name or (os.path.getsize(stem + ".gguf") > 100_000 and verdict == "malformed"):
            continue
        if verdict == "malformed" and ("arra" in base or "scalar" in base or "strings" in base):
            continue
        theirs = described_by_package(stem + ".gguf")
        if verdict == "malformed":
            neither += theirs is None
        elif theirs is None:
            reasons = [
                open(stem + ".gguf", "rb").read()[4] == 1,                                       # version 1
                not all(is_utf8(bytes.fromhex(line.split()[1][:-1])) for line in lines),         # names that are no text
                os.path.getsize(stem + ".gguf") == 24,                                           # nothing but counts
                any(re.search(r"[\[,]0,", line) for line in lines),                              # numpy's limits on empty arrays
                any(" Q2_0 " in line or " Q8_1 " in line for line in lines),                     # types that it does not know
            ]
            assert any(reasons), f"only lowp accepts: {name}"
            only_lowp += 1
        elif not nested(lines):
            assert theirs == lines, f"read differently: {name}\n{theirs}\n{lines}"
            both += 1
    print(f"{files} files: {both} accepted by both with the same contents, {neither} refused by both, {only_lowp} accepted by lowp alone")
    assert both > 1000 and neither > 300


def is_utf8(data):
    try:
        data.decode()
        return True
    except UnicodeError:
        return False


def written_by_package(path, rng):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_uint8("k.u8", 200)
    writer.add_int8("k.i8", -100)
    writer.add_uint16("k.u16", 60000)
    writer.add_int16("k.i16", -30000)
    writer.add_uint32("k.u32", 4000000000)
    writer.add_int32("k.i32", -2000000000)
    writer.add_uint64("k.u64", 2**64 - 1)
    writer.add_int64("k.i64", -(2**63))
    writer.add_float32("k.f32", 0.1)
    writer.add_float64("k.f64", 0.1)
    writer.add_bool("k.yes", True)
    writer.add_bool("k.no", False)
    writer.add_string("k.text", "\u00e9\n")
    writer.add_token_list([f"token{i}" for i in range(1000)])
    writer.add_token_scores([float(i) for i in range(1000)])
    writer.add_token_types([1] * 1000)
    for dtype in (np.float32, np.float16, np.float64, np.int8, np.int16, np.int32, np.int64):
        for shape in [(3,), (5, 7), (2, 3, 4), (2, 1, 3, 4)]:
            writer.add_tensor(f"{np.dtype(dtype).name}.{shape}", rng.integers(-100, 100, shape).astype(dtype))
    for kind, (elements, size) in gguf.GGML_QUANT_SIZES.items():
        if elements > 1 and kind.name not in outdated:
            writer.add_tensor(kind.name, rng.integers(0, 256, (3, 2 * size), np.uint8), raw_dtype=kind)
    writer.add_tensor("bf16", rng.integers(0, 256, (3, 8), np.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)
    return writer


def check_both_directions(directory):
    rng = np.random.default_rng(1)
    for alignment in (None, 64):
        path, copied = f"{directory}/package.gguf", f"{directory}/copy.gguf"
        writer = written_by_package(path, rng)
        if alignment:
            writer.add_custom_alignment(alignment)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        theirs = described_by_package(path)
        assert run("show", path).splitlines() == theirs
        run("copy", path, copied)
        assert described_by_package(copied) == theirs
        assert open(copied, "rb").read() == open(path, "rb").read(), "a copy differs from what the package writes"
    print(f"read {len(theirs)} values and tensors written by the package; the copy is the same, byte for byte")


with tempfile.TemporaryDirectory() as directory:
    check_verdicts(directory)
    check_both_directions(directory)
