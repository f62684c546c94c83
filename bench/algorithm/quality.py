"""Perplexity of tinylm by every method, as a table: quality.py PROGRAM [--only WORD] [--out build/bench/quality.txt]

PROGRAM is quantize_model. Each line that is done is kept in --out, so that the table goes on where it was.
"""

import argparse
import re
import subprocess
from pathlib import Path

EXACT = 2.90919
BEST = "gptaq act_order mse"
INTEGERS = [f"uint{bits}_g{group}" for bits in (3, 4, 2) for group in (128, 32)]
METHODS = [(s, m) for s in INTEGERS for m in ("rtn", "gptq", "gptq act_order", "awq", "awq clip", "awq gptq")]
METHODS += [("uint3_g128", m) for m in ("rtn mse", "gptq parallel", "gptq group_order", "gptq act_order mse", "awq gptq act_order mse")]
METHODS += [("int3_g128", m) for m in ("rtn", "gptq", "gptq act_order", "awq")] + [("int4_g128", m) for m in ("rtn", "gptq act_order")]
METHODS += [(s, m) for s in ("nf4_g64", "mxfp4", "nvfp4") for m in ("rtn", "gptq", "gptq act_order", "awq")]
METHODS += [("nvfp4", m) for m in ("rtn four_over_six", "gptq four_over_six static")]
METHODS += [(s, "hqq") for s in ("hqq4_g64", "hqq3_g128", "hqq3_g32", "hqq2_g32")]
METHODS += [(s, m) for s in ("uint3_g128", "uint4_g128", "uint4_g32") for m in ("awq_inputs", "awq_inputs clip")]
METHODS += [(s, BEST) for s in (*INTEGERS, "int3_g128")]
CASES = [(s, m, 128 if m.endswith(BEST) else 64, 1) for s, m in METHODS]
for factor in (64, 256):
    CASES += [("int8_channel", m, 64, factor) for m in ("rtn int8", "rtn int8 smooth=0.5", "rtn int8 smooth", "rtn llm_int8", "rtn int8 rotate")]
    CASES += [("uint4_g128", m, 64, factor) for m in ("rtn", "awq")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--only", default="", help="cases that hold this word")
    parser.add_argument("--out", type=Path, default=Path("build/bench/quality.txt"))
    a = parser.parse_args()
    a.out.parent.mkdir(parents=True, exist_ok=True)
    done = dict(line.split("\t") for line in a.out.read_text().splitlines()) if a.out.exists() else {}
    print("| weights, method | windows | outliers | perplexity | beside f32 | of the gap closed |\n|---|---|---|---|---|---|")
    for scheme, method, windows, factor in CASES:
        key = f"{scheme} {method} --calibration {windows} --outliers {factor}"
        if a.only not in key:
            continue
        if key not in done:
            command = [a.program, f"{scheme} {method}", "--calibration", str(windows), "--outliers", str(factor)]
            printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            done[key] = re.search(r"perplexity ([0-9.]+)", printed)[1]
            a.out.write_text("".join(f"{k}\t{v}\n" for k, v in done.items()))
        found = float(done[key])
        nearest = done.get(f"{scheme} {'rtn int8' if scheme == 'int8_channel' else 'rtn'} --calibration 64 --outliers {factor}")
        closed = f"{(float(nearest) - found) / (float(nearest) - EXACT):.0%}" if nearest and float(nearest) != found else ""
        print(f"| {scheme} {method} | {windows} | {factor} | {found:.5f} | {found / EXACT - 1:+.2%} | {closed} |", flush=True)


if __name__ == "__main__":
    main()
