"""lowp's safetensors reader and writer against the safetensors package, in both directions and on malformed files."""

import json
import os
import re
import subprocess
import sys
import tempfile

import ml_dtypes
import numpy as np
import safetensors
import safetensors.numpy

program = sys.argv[1]

# Where lowp refuses what the package lets pass. Each is a file that two readers could understand differently, or one
# beyond a documented limit of lowp. The values are patterns for the names of the corpus.
stricter = [
    r"header starts with a (space|byte order mark)",     # the format says: must begin with {
    r"newline after the JSON",                           # the format says: padded with spaces
    r"tensor is an array",                               # serde's other way to write a structure
    r"dtype is an object",                               # the same for an enumeration
    r"unknown key",
    r"(empty )?tensor twice( in different places| by an escape)?",   # the format forbids duplicate keys; the package keeps one
    r"metadata key twice",
    r"metadata is null",
    r"nine dimensions",
    r"name over the limit",
    r"shape that wraps after a zero",
    r"metadata of two million empty strings",            # of memory
    r"metadata in one string of two megabytes",
]


def run(*arguments, output=False):
    return subprocess.run([program, *arguments], check=True, stdout=subprocess.PIPE if output else None).stdout


def hexadecimal(data):
    return bytes(data).hex() + "."


def described_by_package(path):
    """The same lines as `show`, or None if the package refuses the file."""
    data = open(path, "rb").read()
    try:
        tensors = safetensors.deserialize(data)
        with safetensors.safe_open(path, "np") as opened:
            metadata = opened.metadata() or {}
            order = opened.offset_keys()
    except (safetensors.SafetensorError, UnicodeError, OverflowError):
        return None
    by_name = dict(tensors)
    lines = []
    for name in order:
        t = by_name[name]
        shape = "".join(f"{d}," for d in t["shape"])
        lines.append(f"tensor {hexadecimal(name.encode())} {t['dtype']} [{shape}] {hexadecimal(t['data'])}")
    for key, value in metadata.items():
        lines.append(f"metadata {hexadecimal(key.encode())} {hexadecimal(value.encode())}")
    return sorted(lines)


def check_verdicts(directory):
    """On every file: what lowp accepts, the package accepts and reads the same; what the package refuses, lowp refuses."""
    run("dump", directory)
    files = both = neither = only_package = 0
    used = set()
    number = 0
    while os.path.exists(stem := f"{directory}/{number}") or os.path.exists(stem + ".txt"):
        number += 1
        files += 1
        name, verdict, *lines = open(stem + ".txt", encoding="utf-8").read().splitlines()
        theirs = described_by_package(stem + ".safetensors")
        if verdict == "valid":
            assert theirs is not None, f"only lowp accepts: {name}"
            assert theirs == sorted(lines), f"read differently: {name}\n{theirs}\n{lines}"
            both += 1
        elif theirs is None:
            neither += 1
        else:
            only_package += 1
            if not name.endswith(" flipped"):
                pattern = next((p for p in stricter if re.fullmatch(p, name)), None)
                assert pattern, f"only the package accepts: {name}"
                used.add(pattern)
            else:
                explain_flip(name, open(stem + ".safetensors", "rb").read())
    assert used == set(stricter), f"never needed: {set(stricter) - used}"
    print(f"{files} files: {both} accepted by both with the same contents, {neither} refused by both, {only_package} refused by lowp alone")
    assert both > 400 and neither > 4000


def explain_flip(name, data):
    """A flipped bit that only lowp minds made an unknown or second key, or other whitespace than a space at the ends."""
    header = data[8 : 8 + int.from_bytes(data[:8], "little")]
    known = re.sub(rb'"(dtype|shape|data_offsets)"', b"", header)
    reasons = [
        not header.startswith(b"{"),
        re.search(rb"[\n\r\t]\s*$", header),
        len(re.findall(rb'"[^"\\]*":', known.replace(b'"__metadata__":', b""))) > 0 and unknown_or_second_key(header),
    ]
    assert any(reasons), f"only the package accepts: {name}: {header}"


def unknown_or_second_key(header):
    found = []

    def pairs(items):
        keys = [k for k, _ in items]
        found.append(len(keys) != len(set(keys)))
        if "dtype" in keys and "shape" in keys:
            found.append(set(keys) != {"dtype", "shape", "data_offsets"})
        return dict(items)

    json.loads(header, object_pairs_hook=pairs)
    return any(found)


def check_reading(directory):
    """Files that the package writes."""
    rng = np.random.default_rng(1)
    types = [np.bool_, np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64]
    types += [np.float16, np.float32, np.float64, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2]
    tensors = {}
    for i, t in enumerate(types):
        for shape in [(), (3,), (2, 0, 4), (5, 7), (2, 3, 4)]:
            tensors[f't{i}.\u00e9"\\\n{shape}'] = rng.integers(0, 2, shape, np.uint8).astype(t)
    path = f"{directory}/package.safetensors"
    safetensors.numpy.save_file(tensors, path, {"format": "np", "\u00e9\n": '"\\'})
    lines = run("show", path, output=True).decode().splitlines()
    assert sorted(lines) == described_by_package(path)
    assert len(lines) == len(types) * 5 + 2

    floats = rng.integers(0, 2**32, 20000, np.uint64).astype(np.uint32).view(np.float32)
    codes = np.arange(65536, dtype=np.uint16)
    for array in [floats, codes.view(np.float16), codes.view(ml_dtypes.bfloat16)]:
        safetensors.numpy.save_file({"w": array}, path)
        got = np.frombuffer(run("floats", path, "w", output=True), np.float32)
        want = array.astype(np.float32)
        number = ~np.isnan(want)
        assert np.array_equal(np.isnan(got), np.isnan(want))
        assert np.array_equal(got.view(np.uint32)[number], want.view(np.uint32)[number]), array.dtype
    print(f"read {len(tensors)} tensors of {len(types)} types written by the package, and every half, bfloat16 and 20,000 floats")


def check_writing(directory):
    """Files that lowp writes: copies of valid ones, and of the example model."""
    for number, path in enumerate(sorted(os.listdir(directory))):
        if not path.endswith(".safetensors") or number % 50 or path.startswith("copy"):
            continue
        before = described_by_package(f"{directory}/{path}")
        if before is None or open(f"{directory}/{path[:-12]}.txt").read().splitlines()[1] != "valid":
            continue
        run("copy", f"{directory}/{path}", f"{directory}/copy.safetensors")
        assert described_by_package(f"{directory}/copy.safetensors") == before, path

    for name in ("tinylm", "reference"):
        path = os.path.join(os.path.dirname(__file__), f"../../examples/data/{name}.safetensors")
        copied = f"{directory}/copy.safetensors"
        run("copy", path, copied)
        assert described_by_package(copied) == described_by_package(path)
        with open(copied, "rb") as f:
            assert int.from_bytes(f.read(8), "little") % 8 == 0
    print("the package reads what lowp writes")


with tempfile.TemporaryDirectory() as directory:
    check_verdicts(directory)
    check_writing(directory)
    check_reading(directory)
