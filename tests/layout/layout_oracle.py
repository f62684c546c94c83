"""Layouts against packers written for this test, array by array, from what checkpoints are documented to hold.

They use big integers and whole-array moves where the library uses a formula for each code, and share no line with it.
"""

import numpy as np

from packing import check, random_codes


def stream(values, bits):
    """32-bit words of a little-endian stream: one big integer, written byte by byte."""
    number = 0
    for v in reversed([int(v) for v in values]):
        number = (number << bits) | v
    words = -(-len(values) * bits // 32)
    return np.frombuffer(number.to_bytes(words * 4, "little"), "<u4")


def rows_of_words(codes, bits):
    return np.stack([stream(row, bits) for row in codes])


def planes_of_words(values, bits):
    """Per 32 values the words of the low plane first."""
    widths = {3: (2, 1), 5: (4, 1), 6: (4, 2), 7: (4, 2, 1)}.get(bits, (bits,))
    words = []
    for start in range(0, len(values), 32):
        part, shift = values[start : start + 32].astype(int), 0
        for width in widths:
            words.extend(stream(part >> shift & ((1 << width) - 1), width))
            shift += width
    return np.array(words, "<u4")


def fixed_words(values, bits):
    """floor(32 / bits) values a word."""
    count = 32 // bits
    return np.concatenate([np.resize(stream(values[i : i + count], bits), 1) for i in range(0, len(values), count)])


def awq(codes):
    lines = []
    for column in codes.T.astype(np.uint32):
        eights = column.reshape(-1, 8)[:, [0, 2, 4, 6, 1, 3, 5, 7]]
        lines.append([sum(int(v) << (4 * i) for i, v in enumerate(eight)) for eight in eights])
    return np.array(lines, "<u4")


def hqq(codes, bits, group, axis):
    grouped = codes if group == 0 else codes.reshape(-1, group) if axis == 1 else codes.reshape(group, -1)
    grouped = grouped.astype(np.uint32)
    parts, top, kind = (10, 27, "<u4") if bits == 3 else (8 // bits, 8 - bits, "u1")
    missing = -len(grouped) % parts
    grouped = np.vstack([grouped, np.zeros((missing, grouped.shape[1]), np.uint32)])
    out = np.zeros((len(grouped) // parts, grouped.shape[1]), np.uint32)
    for i, part in enumerate(np.split(grouped, parts)):
        out |= part << np.uint32(top - bits * i)
    return out.astype(kind)


def tinygemm(codes, inner):
    n, k = codes.shape
    padded = np.zeros((-(-n // 8) * 8, -(-k // 1024) * 1024), np.uint64)
    padded[:n, :k] = codes
    n, k = padded.shape
    out = np.zeros((n // 8, k // (16 * inner), 32, inner // 2), "<u4")
    for nt, kt, t, w in np.ndindex(out.shape):
        start = 16 * (inner * kt + 2 * w) + 2 * (t % 4)
        row = padded[8 * nt + t // 4]
        v = [int(row[start + d]) for d in (0, 1, 8, 9, 16, 17, 24, 25)]
        out[nt, kt, t, w] = sum(v[i] << (4 * place) for place, i in enumerate((0, 2, 4, 6, 1, 3, 5, 7)))
    return out


def marlin(codes, bits):
    """A warp's fragments of mma.m16n8k16, one thread after another."""
    weights = codes.T.astype(np.uint64)  # [k, n]
    order = (0, 2, 4, 6, 1, 3, 5, 7) if bits == 4 else (0, 2, 1, 3)
    words = []
    for k0 in range(0, weights.shape[0], 16):
        for n0 in range(0, weights.shape[1], 64):
            for thread in range(32):
                for sub_tile in range(4):
                    values = []
                    for block in range(2):
                        column = n0 + 16 * sub_tile + 8 * block + thread // 4
                        for half in range(2):
                            first = k0 + 8 * half + 2 * (thread % 4)
                            values += [int(weights[first, column]), int(weights[first + 1, column])]
                    for i in range(0, 8, len(order)):
                        some = values[i : i + len(order)]
                        words.append(sum(some[source] << (bits * place) for place, source in enumerate(order)))
    return np.array(words, "<u4")


def spqr(fields, first):
    """64-bit words, 16 rows of a tile after another; `fields` [rows, groups, count] begin at bit `first`."""
    rows, groups, _ = fields.shape
    words = []
    for tile_row in range(0, rows, 16):
        for group in range(groups):
            for row in range(tile_row, tile_row + 16):
                values = fields[row, group] if row < rows else []
                words.append(sum(int(v) << (first + 3 * i) for i, v in enumerate(values)))
    return np.array(words, "<u8")


def swizzle(scales):
    r, c = scales.shape
    padded = np.zeros((-(-r // 128) * 128, -(-c // 4) * 4), np.uint8)
    padded[:r, :c] = scales
    tiles = padded.reshape(padded.shape[0] // 128, 4, 32, padded.shape[1] // 4, 4)
    return tiles.transpose(0, 3, 2, 1, 4)


count = 0
for bits in range(1, 9):
    for n, k in ((1, 32), (3, 64), (32, 96), (64, 32), (5, 320)):
        codes, zeros = random_codes(n, k, bits), random_codes(k, n, bits)
        count += check("gptq", bits, codes, rows_of_words(codes, bits).T)
        count += check("gptq_zeros", bits, zeros, rows_of_words(zeros.T, bits))
        count += check("gptq_planes", bits, codes, np.stack([planes_of_words(row, bits) for row in codes]).T)
        count += check("gptq_planes_zeros", bits, zeros, np.stack([planes_of_words(row, bits) for row in zeros.T]))
    for n, k in ((1, 1), (3, 7), (4, 33), (17, 100), (33, 64)):
        codes = random_codes(n, k, bits)
        count += check("compressed_tensors", bits, codes, rows_of_words(codes, bits))
        count += check("compressed_tensors_zeros", bits, codes, rows_of_words(codes.T, bits).T)
        count += check("compressed_tensors_padded", bits, codes, np.stack([fixed_words(row, bits) for row in codes]))
        count += check("compressed_tensors_padded_zeros", bits, codes, np.stack([fixed_words(column, bits) for column in codes.T]).T)
    # Rows of MLX fill whole words.
    codes = random_codes(6, 96, bits)
    count += check("row_major", bits, codes, rows_of_words(codes, bits))
print(f"GPTQ, compressed-tensors and MLX: {count} codes")

count = 0
for n, k in ((8, 1), (16, 5), (64, 48)):
    codes = random_codes(n, k, 4)
    count += check("awq", 4, codes, awq(codes))
    codes = random_codes(k, n, 4)
    count += check("awq_gemv", 4, codes, rows_of_words(codes, 4))
for n, k in ((1, 1), (3, 3), (4, 10), (7, 64)):
    codes = random_codes(n, k, 4)
    flat = np.append(codes.reshape(-1), np.zeros(n * k % 2, np.uint8))
    count += check("bitsandbytes", 4, codes, flat[0::2] << 4 | flat[1::2])
for bits in (8, 4, 3, 2, 1):
    for n, k in ((8, 8), (16, 24), (40, 64), (80, 10)):
        codes = random_codes(n, k, bits)
        if n % (8 // bits) == 0 or bits == 3:
            count += check("hqq", bits, codes, hqq(codes, bits, 0, 1))
        if n * k % 8 == 0 and (n * k // 8 % (8 // bits) == 0 or bits == 3):
            count += check("hqq_8_1", bits, codes, hqq(codes, bits, 8, 1))
            count += check("hqq_8_0", bits, codes, hqq(codes, bits, 8, 0))
print(f"AWQ, bitsandbytes and HQQ: {count} codes")

count = 0
for inner in (2, 4, 8):
    for n, k in ((8, 1024), (11, 1100)):
        codes = random_codes(n, k, 4)
        count += check(f"tinygemm_{inner}", 4, codes, tinygemm(codes, inner))
for bits in (4, 8):
    for n, k in ((64, 16), (128, 48)):
        codes = random_codes(n, k, bits)
        count += check("marlin", bits, codes, marlin(codes, bits))
for n, groups in ((1, 1), (16, 2), (40, 3)):
    codes = random_codes(n, 16 * groups, 3)
    count += check("spqr", 3, codes, spqr(codes.reshape(n, groups, 16), 6))
    parameters = random_codes(n, groups, 3)
    count += check("spqr_scales", 3, parameters, spqr(parameters.reshape(n, groups, 1), 0))
    count += check("spqr_zeros", 3, parameters, spqr(parameters.reshape(n, groups, 1), 3))
for r, c in ((1, 1), (128, 4), (130, 9), (300, 16)):
    scales = random_codes(r, c, 8)
    count += check("scale_swizzle_128x4", 8, scales, swizzle(scales))
print(f"tinygemm, Marlin, SpQR and swizzled scales: {count} codes")
