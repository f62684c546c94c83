"""Writes checkpoints/: small checkpoints in every dialect that io/checkpoint.hpp reads.

  python checkpoints_golden.py [folder]

Each is a folder as models are published, or a file; expected.txt has a line a layer: its rows and columns, the 64-bit FNV-1a digest of the
numbers that it stands for (in f32, little-endian; zeros without a sign, which packages drop here and there), the second of them, and the scheme that describes it. compressed-tensors, bitsandbytes, GGUF and MLX (mlx_package) checkpoints are written by those packages; GPTQ, AWQ, HQQ, MLX,
DeepSeek and modelopt ones by NumPy, from what their documents and readers say. What layers stand for is worked out here from codes,
scales and zero points, in f32, in the order of operations that the header of each dialect states.
"""

import json
import os
import sys

import ml_dtypes
import numpy as np
import safetensors.torch
import torch

F = np.float32
folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "checkpoints")
rng = np.random.default_rng(5)
E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], F)


def torch_of(x):
    """As a torch tensor, also of the types that torch cannot take from NumPy."""
    x = np.ascontiguousarray(x)
    kinds = {"bfloat16": (np.uint16, torch.bfloat16), "float8_e4m3fn": (np.uint8, torch.float8_e4m3fn), "uint32": (np.uint32, torch.uint32)}
    if x.dtype.name in kinds and x.dtype.name != "uint32":
        raw, kind = kinds[x.dtype.name]
        return torch.from_numpy(x.view(raw).copy()).view(kind)
    return torch.from_numpy(x.copy())


def put(name, tensors, config, expected, schemes, config_name="config.json"):
    """One checkpoint: tensors by name, the configuration, what layers stand for and the scheme of each."""
    path = os.path.join(folder, name)
    os.makedirs(path, exist_ok=True)
    tensors = {k: (v if isinstance(v, torch.Tensor) else torch_of(v)).contiguous() for k, v in tensors.items()}
    safetensors.torch.save_file(tensors, os.path.join(path, "model.safetensors"))
    if config is not None:
        with open(os.path.join(path, config_name), "w") as f:
            json.dump(config, f)
    finish(name, expected, schemes)


def digest(array):
    h = 0xCBF29CE484222325
    for byte in (np.ascontiguousarray(array, F) + F(0)).tobytes():
        h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{h:016x}"


lines = []


def finish(name, expected, schemes):
    for layer, values in expected.items():
        values = np.asarray(values, F)
        lines.append(f"{name} {layer} {values.shape[0]} {values.shape[1]} {digest(values)} {values.flat[1].view(np.uint32):08x} {schemes[layer]}")


def stream(codes, bits):
    """Codes along the last axis as a stream of bits, least significant first, in bytes."""
    planes = (np.asarray(codes, np.uint8)[..., None] >> np.arange(bits, dtype=np.uint8)) & 1
    return np.packbits(planes.reshape(*codes.shape[:-1], -1), axis=-1, bitorder="little")


def words(codes, bits):
    """The same in whole 32-bit words."""
    packed = stream(codes, bits)
    pad = -packed.shape[-1] % 4
    return np.ascontiguousarray(np.pad(packed, [(0, 0)] * (packed.ndim - 1) + [(0, pad)])).view("<i4").astype(np.int32)


def planes(codes, bits):
    """gptq_p: for each 32 codes the words of the lowest plane, then of the next."""
    widths = {3: [2, 1], 5: [4, 1], 6: [4, 2], 7: [4, 2, 1]}.get(bits, [bits])
    blocks = codes.reshape(*codes.shape[:-1], -1, 32)
    parts, low = [], 0
    for width in widths:
        parts.append(words((blocks >> low) & ((1 << width) - 1), width))
        low += width
    return np.concatenate(parts, axis=-1).reshape(*codes.shape[:-1], -1)


def half(x):
    return np.asarray(x, F).astype(np.float16)


def scales_of(shape, kind=np.float16):
    return (rng.uniform(0.5, 2.0, shape) * 2.0 ** rng.integers(-8, -3, shape)).astype(kind)


# GPTQ: codes [N, K], zero points and scales [N, G].


def gptq(name, bits, n, k, group, version, symmetric, act_order=False, label=None, idx=True):
    size = group if group > 0 else k
    codes = rng.integers(0, 1 << bits, (n, k))
    zeros = np.full((n, k // size), 1 << (bits - 1)) if symmetric else rng.integers(0, 1 << bits, (n, k // size))
    scales = scales_of(zeros.shape)
    g_idx = np.arange(k) // size
    if act_order:
        g_idx = rng.permutation(g_idx)
    stored = (zeros - (version == "gptq")) % (1 << bits)
    pack = planes if version == "gptq_p" else words
    tensors = {
        "model.layers.0.q.qweight": pack(codes, bits).T,
        "model.layers.0.q.qzeros": pack(stored.T, bits),
        "model.layers.0.q.scales": scales.T,
        "model.layers.0.q.bias": half(rng.standard_normal(n)),
    }
    if idx:
        tensors["model.layers.0.q.g_idx"] = g_idx.astype(np.int32)
    config = {"quant_method": "gptq", "bits": bits, "group_size": group, "sym": symmetric, "desc_act": act_order, "checkpoint_format": label or version}
    expected = scales.astype(F)[:, g_idx] * (codes - zeros[:, g_idx]).astype(F)
    grain = f"per_group<{group}>" if group > 0 else "per_channel"
    text = f"scheme<{'i' if symmetric else 'u'}{bits}, {grain}, {'symmetric' if symmetric else 'asymmetric'}, f16>"
    put(name, tensors, {"quantization_config": config}, {"model.layers.0.q": expected}, {"model.layers.0.q": text})


gptq("gptq_v1", 4, 8, 64, 32, "gptq", True)
gptq("gptq_v2", 4, 8, 64, 32, "gptq_v2", True)
gptq("gptq_v2_labelled_v1", 4, 8, 64, 32, "gptq_v2", True, label="gptq")
gptq("gptq_v1_labelled_v2", 4, 8, 64, 32, "gptq", True, label="gptq_v2")
gptq("gptq_v1_asymmetric", 4, 8, 64, 32, "gptq", False)
gptq("gptq_v2_asymmetric", 4, 8, 64, 32, "gptq_v2", False)
gptq("gptq_v2_act_order", 4, 8, 64, 16, "gptq_v2", False, act_order=True)
gptq("gptq_v1_act_order_symmetric", 4, 8, 64, 16, "gptq", True, act_order=True)
gptq("gptq_per_channel", 4, 8, 32, -1, "gptq_v2", True)
gptq("gptq_without_g_idx", 8, 8, 32, -1, "gptq_v2", False, idx=False)
gptq("gptq_2_bits", 2, 16, 64, 32, "gptq_v2", False)
gptq("gptq_3_bits", 3, 32, 64, 32, "gptq", True)
gptq("gptq_3_bits_asymmetric", 3, 32, 32, 32, "gptq_v2", False)
gptq("gptq_p_3_bits", 3, 32, 64, 32, "gptq_p", False)
gptq("gptq_p_6_bits", 6, 32, 32, 16, "gptq_p", True)
gptq("gptq_p_7_bits", 7, 32, 32, 16, "gptq_p", False)


def awq():
    n, k, group = 16, 64, 32
    codes, zeros = rng.integers(0, 16, (n, k)), rng.integers(0, 16, (n, k // group))
    scales = scales_of(zeros.shape)
    order = np.array([0, 2, 4, 6, 1, 3, 5, 7])

    def pack(x):
        x = x.T.reshape(x.shape[1], -1, 8)[:, :, order]
        return words(x.reshape(x.shape[0], -1), 4)

    tensors = {"q.qweight": pack(codes), "q.qzeros": pack(zeros), "q.scales": scales.T}
    config = {"quant_method": "awq", "bits": 4, "group_size": group, "zero_point": True, "version": "gemm"}
    g = np.arange(k) // group
    put("awq", tensors, {"quantization_config": config}, {"q": scales.astype(F)[:, g] * (codes - zeros[:, g]).astype(F)},
        {"q": f"scheme<u4, per_group<{group}>, asymmetric, f16>"})
    put("awq_without_config", tensors, None, {"q": scales.astype(F)[:, g] * (codes - zeros[:, g]).astype(F)},
        {"q": f"scheme<u4, per_group<{group}>, asymmetric, f16>"})


awq()


# compressed-tensors, by its compressors.


def compressed():
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme

    def one(name, form, n, k, text, scale, zero=None, codes=None, expected=None, extra=None, activations=None, padded=False, **args):
        arguments = QuantizationArgs(**args)
        scheme = QuantizationScheme(targets=["Linear"], weights=arguments, input_activations=activations)
        state = {"weight": torch.from_numpy(expected.copy()), "weight_scale": torch_of(scale)}
        if zero is not None:
            state["weight_zero_point"] = torch.from_numpy(zero)
        state.update(extra or {})
        out = BaseCompressor.get_value_from_registry(form).compress(state, scheme)
        if padded:
            u = codes + (1 << (args["num_bits"] - 1))
            each = 32 // args["num_bits"]
            u = np.pad(u, [(0, 0), (0, -k % each)]).reshape(n, -1, each).astype(np.uint32)
            out["weight_packed"] = torch.from_numpy((u << (np.arange(each, dtype=np.uint32) * args["num_bits"])).sum(axis=2).astype(np.uint32).view(np.int32))
        tensors = {f"q.{key}": value for key, value in out.items()}
        group = {"targets": ["Linear"], "weights": {key: value for key, value in args.items() if key != "scale_dtype"}}
        config = {"quant_method": "compressed-tensors", "format": form, "quantization_status": "compressed", "ignore": ["lm_head"], "config_groups": {"group_0": group}}
        tensors["lm_head.weight"] = torch.ones((2, 2), dtype=torch.bfloat16)
        put("ct_" + name, tensors, {"quantization_config": config}, {"q": expected}, {"q": text})

    def integers(name, bits, n, k, group, asymmetric=False, kind=np.float32, form="pack-quantized", padded=False, tensor=False):
        low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        grid = (1, 1) if tensor else (n, k // group if group else 1)
        codes = rng.integers(low, high + 1, (n, k))
        zero = rng.integers(low, high + 1, grid) if asymmetric else np.zeros(grid, int)
        scale = scales_of(grid, kind)
        where = np.arange(k) // group if group else np.zeros(k, int)
        spread = lambda x: np.broadcast_to(x, (n, x.shape[1]))[:, where]
        expected = spread(scale.astype(F)) * (codes - spread(zero)).astype(F)
        names = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
        grain = f"per_group<{group}>" if group else "per_tensor" if tensor else "per_channel"
        text = f"scheme<{'u' if asymmetric else 'i'}{bits}, {grain}, {'a' if asymmetric else ''}symmetric, {names[np.dtype(kind).name]}>"
        one(name, form, n, k, text, scale.reshape(-1) if tensor else scale, zero.astype(np.int8).reshape(-1 if tensor else grid) if asymmetric else None, codes, expected, padded=padded,
            num_bits=bits, type="int", symmetric=not asymmetric, strategy="group" if group else "tensor" if tensor else "channel", **({"group_size": group} if group else {}))

    integers("int4_group", 4, 8, 64, 32)
    integers("int4_group_bf16", 4, 8, 64, 32, kind=ml_dtypes.bfloat16)
    integers("int4_group_asymmetric", 4, 11, 64, 32, asymmetric=True)
    integers("int4_channel", 4, 5, 27, 0)
    integers("int8_packed", 8, 5, 27, 0, asymmetric=True)
    integers("int3_dense", 3, 5, 64, 32, asymmetric=True)
    integers("int3_padded", 3, 5, 64, 32, padded=True)
    integers("int8_channel", 8, 8, 24, 0, form="int-quantized")
    integers("int8_channel_asymmetric", 8, 8, 24, 0, asymmetric=True, form="int-quantized")
    integers("int8_tensor", 8, 8, 24, 0, form="int-quantized", tensor=True)

    n, k, group = 8, 64, 16
    codes, scale, g_idx = rng.integers(-8, 8, (n, k)), scales_of((n, k // group), ml_dtypes.bfloat16), rng.permutation(np.arange(k) // group)
    tensors = {"q.weight_packed": words(codes + 8, 4), "q.weight_scale": scale, "q.weight_shape": np.array([n, k]), "q.weight_g_idx": g_idx.astype(np.int32)}
    weights = {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group", "group_size": group, "actorder": "group"}
    config = {"quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}}}
    put("ct_int4_act_order", tensors, {"quantization_config": config}, {"q": scale.astype(F)[:, g_idx] * codes.astype(F)}, {"q": "scheme<i4, per_group<16>, symmetric, bf16>"})

    def eights(shape):
        codes = rng.integers(0, 256, shape).astype(np.uint8)
        codes[codes & 0x7F == 0x7F] = 0x38
        return codes.view(ml_dtypes.float8_e4m3fn)

    def floats(name, n, k, strategy, text, grid, block=None):
        w, scale = eights((n, k)), scales_of(grid, np.float32)
        rows, cols = (np.arange(n) // block[0], np.arange(k) // block[1]) if block else (np.arange(n) * (grid[0] > 1), np.zeros(k, int))
        expected = w.astype(F) * scale[rows][:, cols]
        tensors = {"q.weight": w, "q.weight_scale": scale.reshape(-1) if strategy == "tensor" else scale}
        weights = {"num_bits": 8, "type": "float", "symmetric": True, "strategy": strategy, **({"block_structure": block} if block else {})}
        config = {"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}}}
        put("ct_" + name, tensors, {"quantization_config": config}, {"q": expected}, {"q": text})

    floats("fp8_tensor", 8, 24, "tensor", "scheme<e4m3, per_tensor, symmetric, f32>", (1, 1))
    floats("fp8_channel", 8, 24, "channel", "scheme<e4m3, per_channel, symmetric, f32>", (8, 1))
    floats("fp8_block", 12, 40, "block", "scheme<e4m3, per_block<8, 16>, symmetric, f32>", (2, 3), [8, 16])

    # The packers of codes with 4 and 6 bits take numbers that are on the grid.
    n, k = 8, 64
    codes = rng.integers(0, 16, (n, k))
    codes[codes == 8] = 0
    global_scale = F(448 * 6 / 3.7)
    block = rng.integers(0x20, 0x70, (n, k // 16)).astype(np.uint8).view(ml_dtypes.float8_e4m3fn)
    whole = F(1) / global_scale
    expected = E2M1[codes] * np.repeat(block.astype(F) * whole, 16, axis=1)
    one("nvfp4", "nvfp4-pack-quantized", n, k, "scheme<e2m1, per_group<16>, symmetric, scheme<e4m3, per_tensor, symmetric, f32>>", block.astype(F), expected=expected,
        extra={"weight_global_scale": torch.tensor([float(global_scale)], dtype=torch.float32)}, num_bits=4, type="float", symmetric=True, strategy="tensor_group", group_size=16)
    exponents = rng.integers(110, 130, (n, k // 32))
    powers = np.repeat(np.exp2(exponents - 127.0), 32, axis=1).astype(F)
    one("mxfp4", "mxfp4-pack-quantized", n, k, "scheme<e2m1, per_group<32>, symmetric, e8m0>", np.exp2(exponents - 127.0).astype(F), expected=E2M1[codes] * powers,
        num_bits=4, type="float", symmetric=True, strategy="group", group_size=32)
    magnitudes = np.array([m / 8 for m in range(8)] + [(1 + m / 8) * 2**e for e in range(3) for m in range(8)], F)
    sixes = rng.choice(np.concatenate([magnitudes, -magnitudes[1:]]), (n, k))
    one("mxfp6", "mxfp6-pack-quantized", n, k, "scheme<e2m3, per_group<32>, symmetric, e8m0>", np.exp2(exponents - 127.0).astype(F), expected=sixes * powers,
        num_bits=6, type="float", symmetric=True, strategy="group", group_size=32)
    one("mxfp8", "mxfp8-quantized", n, k, "scheme<e4m3, per_group<32>, symmetric, e8m0>", np.exp2(exponents - 127.0).astype(F), expected=eights((n, k)).astype(F) * powers,
        num_bits=8, type="float", symmetric=True, strategy="group", group_size=32, scale_dtype=torch.uint8)


compressed()


def deepseek():
    n, k = 12, 40
    w = rng.integers(0, 0x7F, (n, k)).astype(np.uint8).view(ml_dtypes.float8_e4m3fn)
    inverse = scales_of((2, 3), np.float32)
    expected = w.astype(F) * inverse[np.arange(n) // 8][:, np.arange(k) // 16]
    config = {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": [8, 16]}
    put("deepseek_fp8", {"q.weight": w, "q.weight_scale_inv": inverse, "norm.weight": np.ones(3, F)}, {"quantization_config": config}, {"q": expected},
        {"q": "scheme<e4m3, per_block<8, 16>, symmetric, f32>"})


    powers = rng.integers(110, 130, (2, 3)).astype(np.uint8)
    expected = w.astype(F) * np.exp2(powers.astype(F) - 127)[np.arange(n) // 8][:, np.arange(k) // 16]
    put("deepseek_fp8_ue8m0", {"q.weight": w, "q.weight_scale_inv": torch.from_numpy(powers).view(torch.float8_e8m0fnu)}, {"quantization_config": config}, {"q": expected},
        {"q": "scheme<e4m3, per_block<8, 16>, symmetric, e8m0>"})


deepseek()


def modelopt():
    n, k = 8, 64
    codes = rng.integers(0, 16, (n, k))
    block = rng.integers(0x20, 0x70, (n, k // 16)).astype(np.uint8).view(ml_dtypes.float8_e4m3fn)
    whole = F(3.7) / F(2688)
    tensors = {"q.weight": stream(codes, 4), "q.weight_scale": block, "q.weight_scale_2": np.array(whole), "q.input_scale": np.array(F(0.01))}
    config = {"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "NVFP4", "kv_cache_quant_algo": None}}
    put("modelopt_nvfp4", tensors, config, {"q": E2M1[codes] * np.repeat(block.astype(F) * whole, 16, axis=1)},
        {"q": "scheme<e2m1, per_group<16>, symmetric, scheme<e4m3, per_tensor, symmetric, f32>>"}, "hf_quant_config.json")
    w = rng.integers(0, 0x7F, (n, 24)).astype(np.uint8).view(ml_dtypes.float8_e4m3fn)
    config = {"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "FP8"}}
    put("modelopt_fp8", {"q.weight": w, "q.weight_scale": np.array(F(0.013)), "q.input_scale": np.array(F(0.01))}, config, {"q": w.astype(F) * F(0.013)},
        {"q": "scheme<e4m3, per_tensor, symmetric, f32>"}, "hf_quant_config.json")


modelopt()


def bitsandbytes():
    import bitsandbytes.functional as bnb

    config = {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}
    for name, kind, nested, shape, block in (("nf4", "nf4", False, (8, 64), 64), ("fp4", "fp4", False, (8, 64), 64), ("nf4_odd", "nf4", False, (5, 27), 32),
                                             ("nf4_nested", "nf4", True, (16, 70), 64), ("nf4_nested_long", "nf4", True, (65, 128), 32)):
        w = torch.from_numpy(rng.standard_normal(shape).astype(F) * rng.choice([0.5, 1, 3], shape).astype(F))
        packed, state = bnb.quantize_4bit(w, blocksize=block, compress_statistics=nested, quant_type=kind)
        tensors = {"q.weight": packed} | {f"q.weight.{key}": value for key, value in state.as_dict(packed=True).items()}
        expected = bnb.dequantize_4bit(packed, state)
        assert expected.dtype == torch.float32
        form = "nf4" if kind == "nf4" else "bnb_fp4"
        scale = "scheme<bnb_dynamic8, per_flat_group<256>, with_bias<f32>, f32>" if nested else "f32"
        put("bnb_" + name, tensors, config, {"q": expected.numpy()}, {"q": f"scheme<{form}, per_flat_group<{block}>, symmetric, {scale}>"})
    codes, scb = rng.integers(-127, 128, (8, 24)).astype(np.int8), scales_of(8, np.float32) * 100
    put("bnb_int8", {"q.weight": codes, "q.SCB": scb.astype(F), "q.weight_format": torch.tensor(0, dtype=torch.uint8)}, {"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}},
        {"q": codes.astype(F) * (scb.astype(F) / F(127))[:, None]}, {"q": "scheme<i8, per_channel, symmetric, f32>"})


bitsandbytes()


def hqq(name, bits, axis, n, k, group, kind="f16"):
    size = group or k
    shape = (n * k // size, size) if axis == 1 else (size, n * k // size)
    codes = rng.integers(0, 1 << bits, shape)
    count = n * k // size
    scale, zero = scales_of(count), half(rng.uniform(0, (1 << bits) - 1, count))
    lined = (lambda x: x[:, None]) if axis == 1 else (lambda x: x[None, :])
    expected = (lined(scale).astype(F) * (codes.astype(F) - lined(zero).astype(F))).reshape(n, k)
    if bits == 3:
        rows = -(-shape[0] // 10)
        padded = np.zeros((rows * 10, shape[1]), np.int64)
        padded[: shape[0]] = codes
        packed = sum(padded[i * rows : (i + 1) * rows] << (27 - 3 * i) for i in range(10)).astype(np.int32)
    else:
        parts = 8 // bits
        rows = shape[0] // parts
        packed = sum(codes[i * rows : (i + 1) * rows] << (8 - bits - bits * i) for i in range(parts)).astype(np.uint8)
    tensors = {"q.W_q": packed, "q.scale": lined(scale), "q.zero": lined(zero), "q.nbits": np.array(bits, np.int32), "q.axis": np.array(axis, np.int32),
               "q.shape": np.array([n, k], np.int64), "q.packing": np.frombuffer(b"4bit_u8", np.uint8), "q.view_as_float": np.array(0, np.uint8), "q.bias": half(np.ones(n))}
    if group:
        tensors["q.group_size"] = np.array(group, np.int32)
    grain = f"strided<{size}>" if axis == 0 else f"per_group<{group}>" if group else "per_channel"
    put(name, tensors, {"quantization_config": {"quant_method": "hqq"}}, {"q": expected}, {"q": f"scheme<u{bits}, {grain}, asymmetric_as<f16>, f16>"})


hqq("hqq_4_bits", 4, 1, 8, 64, 64)
hqq("hqq_8_bits", 8, 1, 8, 64, 32)
hqq("hqq_3_bits", 3, 1, 8, 96, 32)
hqq("hqq_2_bits", 2, 1, 8, 64, 16)
hqq("hqq_1_bit", 1, 1, 8, 64, 32)
hqq("hqq_per_channel", 4, 1, 8, 40, None)
hqq("hqq_axis_0", 4, 0, 8, 64, 32)
hqq("hqq_axis_0_3_bits", 3, 0, 8, 64, 64)


def mlx():
    n = 8
    layers = {"a": (4, 64, 128, np.float16), "b": (3, 32, 64, np.float16), "c": (8, 32, 64, ml_dtypes.bfloat16), "d": (6, 64, 128, np.float32), "e": (5, 32, 32, np.float16), "f": (2, 32, 64, np.float16)}
    tensors, expected, schemes = {}, {}, {}
    config = {"group_size": 64, "bits": 4, "mode": "affine"}
    for name, (bits, group, k, kind) in layers.items():
        codes = rng.integers(0, 1 << bits, (n, k))
        scale = scales_of((n, k // group), kind) * rng.choice([-1, 1], (n, k // group)).astype(kind)
        bias = rng.standard_normal((n, k // group)).astype(kind)
        tensors |= {f"{name}.weight": words(codes, bits).view(np.uint32), f"{name}.scales": scale, f"{name}.biases": bias}
        spread = lambda x: np.repeat(x.astype(F), group, axis=1)
        expected[name] = spread(scale) * codes.astype(F) + spread(bias)
        label = {"float16": "f16", "bfloat16": "bf16", "float32": "f32"}[np.dtype(kind).name]
        schemes[name] = f"scheme<u{bits}, per_group<{group}>, with_bias<{label}>, {label}>"
        if name != "a":
            config[name] = {"group_size": group, "bits": bits}
    put("mlx", tensors, {"quantization": config, "quantization_config": config}, expected, schemes)


mlx()


def ggufs():
    import gguf

    writer = gguf.GGUFWriter(os.path.join(folder, "gguf.gguf"), "llama")
    expected, schemes = {}, {}
    names = {
        "Q4_0": "scheme<i4, per_group<32>, symmetric, f16>", "Q4_1": "scheme<u4, per_group<32>, with_bias<f16>, f16>",
        "Q5_0": "scheme<i5, per_group<32>, symmetric, f16>", "Q5_1": "scheme<u5, per_group<32>, with_bias<f16>, f16>", "Q8_0": "scheme<i8, per_group<32>, symmetric, f16>",
        "Q2_K": "scheme<u2, per_group<16>, with_minimum<scheme<u4, per_group<16>, symmetric, f16>>, scheme<u4, per_group<16>, symmetric, f16>>",
        "Q3_K": "scheme<i3, per_group<16>, symmetric, scheme<i6, per_group<16>, symmetric, f16>>",
        "Q4_K": "scheme<u4, per_group<32>, with_minimum<scheme<u6, per_group<8>, symmetric, f16>>, scheme<u6, per_group<8>, symmetric, f16>>",
        "Q5_K": "scheme<u5, per_group<32>, with_minimum<scheme<u6, per_group<8>, symmetric, f16>>, scheme<u6, per_group<8>, symmetric, f16>>",
        "Q6_K": "scheme<i6, per_group<16>, symmetric, scheme<i8, per_group<16>, symmetric, f16>>",
        "IQ4_NL": "scheme<ggml::iq4_values, per_group<32>, symmetric, f16>",
        "IQ4_XS": "scheme<ggml::iq4_values, per_group<32>, symmetric, scheme<i6, per_group<8>, symmetric, f16>>",
        "TQ1_0": "scheme<ggml::ternary, per_group<256>, symmetric, f16>", "TQ2_0": "scheme<ggml::ternary, per_group<256>, symmetric, f16>",
        "MXFP4": "scheme<e2m1, per_group<32>, symmetric, e8m0>", "NVFP4": "scheme<e2m1, per_group<16>, symmetric, ggml::ue4m3>",
    }
    # Where in a block its halves lie; random ones would be NaN now and then.
    halves = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
              "IQ4_NL": [0], "IQ4_XS": [0], "TQ1_0": [52], "TQ2_0": [64], "MXFP4": [], "NVFP4": []}
    for name, text in names.items():
        kind = gguf.GGMLQuantizationType[name]
        elements, size = gguf.GGML_QUANT_SIZES[kind]
        columns = max(elements, 64)
        blocks = rng.integers(0, 256, (2, columns // elements, size)).astype(np.uint8)
        for at in halves[name]:
            blocks[:, :, at : at + 2] = scales_of((2, columns // elements, 1)).view(np.uint8)
        if name == "MXFP4":
            blocks[:, :, 0] = rng.integers(100, 150, blocks.shape[:2])
        if name == "NVFP4":
            blocks[:, :, :4] &= 0x7F
        if name in ("TQ1_0", "TQ2_0"):
            trits = rng.integers(-1, 2, (2, columns)).astype(F) * F(0.5)
            blocks = gguf.quants.quantize(trits, kind)
        blocks = blocks.reshape(2, -1)
        writer.add_tensor(name, blocks, raw_dtype=kind)
        expected[name] = gguf.quants.dequantize(blocks, kind)
        schemes[name] = text
    writer.add_tensor("output_norm.weight", np.arange(4, dtype=F))
    writer.add_tensor("experts", gguf.quants.quantize(np.ones((2, 3, 32), F), gguf.GGMLQuantizationType.Q8_0), raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    expected["experts"] = np.ones((6, 32), F) * F(np.float16(1 / 127)) * F(127)
    schemes["experts"] = names["Q8_0"]
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    finish("gguf", expected, schemes)


ggufs()

rng = np.random.default_rng(6)


def awq_gemv():
    n, k, group = 8, 96, 32
    width = 4  # of the zero points, as AutoAWQ pads them for groups of 32
    codes, zeros = rng.integers(0, 16, (n, k)), np.zeros((n, 8 * width), int)
    scales = np.zeros((n, 8 * width), np.float16)
    zeros[:, : k // group] = rng.integers(0, 16, (n, k // group))
    scales[:, : k // group] = scales_of((n, k // group))
    tensors = {"q.qweight": words(codes, 4), "q.qzeros": words(zeros, 4), "q.scales": scales}
    config = {"quant_method": "awq", "bits": 4, "group_size": group, "zero_point": True, "version": "gemv"}
    g = np.arange(k) // group
    put("awq_gemv", tensors, {"quantization_config": config}, {"q": scales.astype(F)[:, g] * (codes - zeros[:, g]).astype(F)}, {"q": f"scheme<u4, per_group<{group}>, asymmetric, f16>"})


awq_gemv()


def mlx_package():
    """Weights quantized by MLX in each of its modes, and the numbers that it makes of them."""
    import mlx.core as mx

    n, k = 8, 128
    layers = {"affine1": ("affine", 32, 1), "affine2": ("affine", 64, 2), "affine3": ("affine", 32, 3), "affine4": ("affine", 128, 4), "affine5": ("affine", 64, 5),
              "affine6": ("affine", 32, 6), "affine8": ("affine", 64, 8), "mxfp4": ("mxfp4", 32, 4), "mxfp8": ("mxfp8", 32, 8), "nvfp4": ("nvfp4", 16, 4)}
    labels = {"mxfp4": "scheme<e2m1, per_group<32>, symmetric, e8m0>", "mxfp8": "scheme<e4m3, per_group<32>, symmetric, e8m0>", "nvfp4": "scheme<e2m1, per_group<16>, symmetric, e4m3>"}
    tensors, expected, schemes = {}, {}, {}
    config = {"group_size": 64, "bits": 4, "mode": "affine"}
    for name, (mode, group, bits) in layers.items():
        w = mx.array((rng.standard_normal((n, k)) * 2.0 ** rng.integers(-6, 2, (n, k // 32)).repeat(32, axis=1)).astype(F))
        parts = mx.quantize(w, group_size=group, bits=bits, mode=mode)
        for suffix, part in zip(("weight", "scales", "biases"), parts):
            tensors[f"{name}.{suffix}"] = np.array(part)
        expected[name] = np.array(mx.dequantize(*parts, group_size=group, bits=bits, mode=mode, dtype=mx.float32))
        schemes[name] = labels.get(mode, f"scheme<u{bits}, per_group<{group}>, with_bias<f32>, f32>")
        config[name] = {"group_size": group, "bits": bits, "mode": mode}
    put("mlx_package", tensors, {"quantization": config, "quantization_config": config}, expected, schemes)


mlx_package()


def split_gguf():
    """A model in several files, as gguf's own writer splits it."""
    import gguf

    writer = gguf.GGUFWriter(os.path.join(folder, "split.gguf"), "llama", split_max_tensors=2)
    expected, schemes = {}, {}
    for i in range(5):
        kind = gguf.GGMLQuantizationType.Q8_0
        w = rng.standard_normal((2, 64)).astype(F)
        writer.add_tensor(f"blk.{i}.weight", gguf.quants.quantize(w, kind), raw_dtype=kind)
        expected[f"blk.{i}.weight"] = gguf.quants.dequantize(gguf.quants.quantize(w, kind), kind)
        schemes[f"blk.{i}.weight"] = "scheme<i8, per_group<32>, symmetric, f16>"
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    finish("split-00001-of-00003", expected, schemes)


split_gguf()

with open(os.path.join(folder, "expected.txt"), "w") as f:
    f.write("\n".join(lines) + "\n")
