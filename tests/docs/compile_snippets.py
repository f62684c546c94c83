"""Compiles the programs in the documentation: compile_snippets.py COMPILER INCLUDE_FOLDER [EXTRA_INCLUDE...] -- FILE...

Every ```cpp block that starts with an #include is a program (or the head of one): it must compile by itself with the
warnings that lowp's own targets use. Other blocks are excerpts and are left alone.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

FLAGS = ["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror"]


def programs(text):
    return [m[1] for m in re.finditer(r"^```cpp\n(.*?)^```", text, re.S | re.M) if m[1].startswith("#include")]


def main(arguments):
    split = arguments.index("--")
    compiler, includes, files = arguments[0], arguments[1:split], arguments[split + 1:]
    passed, failed = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for file in files:
            for number, program in enumerate(programs(Path(file).read_text(encoding="utf-8")), 1):
                source = Path(folder) / "snippet.cpp"
                source.write_text(program, encoding="utf-8")
                command = [compiler, *FLAGS, "-I" + includes[0], *(f for i in includes[1:] for f in ("-isystem", i)), str(source)]
                result = subprocess.run(command, capture_output=True, text=True)
                if result.returncode == 0:
                    passed += 1
                else:
                    failed += 1
                    print(f"{file}: program {number} does not compile\n{result.stderr}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
