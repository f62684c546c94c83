"""Compiles a wrong program and checks what the compiler says: compile_fail.py FILE COMPILER [FLAGS...]

Every `// expect: text` line of the file must appear in the compiler's output, and the first of them within the first
ten lines from the first error. With LOWP_RIGHT defined the file is the corrected program, which must compile, so that
nothing else is wrong with it.
"""

import re
import subprocess
import sys

source, command = sys.argv[1], sys.argv[2:]
expected = [line.split("// expect:", 1)[1].strip() for line in open(source, encoding="utf-8") if "// expect:" in line]
assert expected, f"{source} has no `// expect:` line"
assert "LOWP_RIGHT" in open(source, encoding="utf-8").read(), f"{source} has no corrected program under LOWP_RIGHT"

right = subprocess.run(command + ["-DLOWP_RIGHT", source], capture_output=True, text=True)
assert right.returncode == 0, "the corrected program does not compile:\n" + right.stderr

wrong = subprocess.run(command + [source], capture_output=True, text=True)
assert wrong.returncode != 0, "the wrong program compiles"
# Both compilers may wrap a message in quotes of the locale.
output = re.sub(r"[‘’“”]", "'", wrong.stderr)
for text in expected:
    assert text in output, f"not printed: {text}\n{output}"
lines = output.splitlines()
first = next(number for number, line in enumerate(lines) if "error:" in line)
assert any(expected[0] in line for line in lines[first:first + 10]), f"printed too late: {expected[0]}\n{output}"
print(f"{len(lines)} lines; the first error says: {lines[first].split('error:', 1)[1].strip()}")
