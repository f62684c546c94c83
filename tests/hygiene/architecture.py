"""Holds the headers to the architecture of the library: architecture.py INCLUDE_FOLDER

Rooms include only themselves and the rooms before them; each dependency stays in its room; nothing leaks; files are
short. Prints one line a violation and exits with 1 if there is any.
"""

import re
import sys
from pathlib import Path

ROOMS = ["core", "format", "scheme", "quantize", "layout", "kernel", "algorithm", "kv", "io", "model"]
# What a room does not know although it comes later, and what an umbrella header leaves out.
BLIND = {"io": {"kernel", "algorithm", "kv"}, "model": {"algorithm", "io"}}
UMBRELLAS = {"lowp.hpp": {"algorithm", "io"}, "io.hpp": {"kernel", "algorithm", "kv", "model"}, "algorithm.hpp": {"io"}}
# Includes from outside the standard library, and the folder that may have them.
DEPENDENCIES = [
    (r"nlohmann/", "io/"),
    (r"(immintrin|x86intrin|cpuid|arm_neon|sys/auxv)\.h", "kernel/cpu/"),
    (r"(cuda|cub|thrust|nv|mma|sm_)[\w./]*", "kernel/cuda/"),
    (r"(unistd|fcntl|windows|io|sys/\w+)(\.h)?", "io/"),
]
BANNED = {"iostream", "regex", "functional", "fstream", "sstream", "iomanip", "bits/stdc++.h"}
MAX_LINES, MAX_COLUMNS = 400, 140


def room_of(path):
    return path.split("/")[0] if "/" in path else ""


def check_include(path, target, exists):
    """Why the header `path` may not include `target`, or None. Paths are relative to include/lowp."""
    room = room_of(path)
    if not target.startswith("lowp/"):
        if target in BANNED:
            return f"<{target}> is too heavy for a header"
        for pattern, home in DEPENDENCIES:
            if re.fullmatch(pattern + (".*" if pattern.endswith("/") else ""), target):
                return None if path.startswith(home) else f"<{target}> belongs in {home} alone"
        return None if re.fullmatch(r"[a-z_]+|(float|stdint)\.h", target) else f"<{target}> is no dependency of lowp"
    target = target.removeprefix("lowp/")
    if not exists(target):
        return f"<lowp/{target}> does not exist"
    if target == "version.hpp":
        return None
    if target.endswith(".cuh") and not path.endswith(".cuh"):
        return f"a host header includes the device header {target}"
    other = room_of(target)
    if not room:
        hidden = UMBRELLAS.get(path, set())
        return f"an umbrella that leaves out {other} includes {target}" if other in hidden else None
    if not other:
        return f"a header in a room includes the umbrella {target}"
    if other not in ROOMS[: ROOMS.index(room) + 1]:
        return f"{room} comes before {other}, so it may not include {target}"
    return f"{room} knows nothing of {other}, so it may not include {target}" if other in BLIND.get(room, set()) else None


def strip_comments(text):
    """The code with comments and the insides of strings blanked, lines kept."""
    token = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.S)
    return token.sub(lambda m: '""' if m[0][0] == '"' else re.sub(r"[^\n]", " ", m[0]), text)


def check_file(path, text, exists):
    """The violations of one header, the lowp headers that it includes and the macros that it leaves."""
    problems, includes, macros = [], [], {}
    lines = text.splitlines()
    code = strip_comments(text)
    if len(lines) > MAX_LINES:
        problems.append((len(lines), f"{len(lines)} lines; the limit is {MAX_LINES}"))
    if not text.startswith("//"):
        problems.append((1, "does not start by saying what it holds"))
    # What each instruction set's header includes again guards itself by their macro.
    first = "#if defined(LOWP_TARGET)" if path.startswith("kernel/cpu/loops/") else "#pragma once"
    if code.split()[:2] != first.split():
        problems.append((1, f"{first} does not come first"))
    if room_of(path) and room_of(path) not in ROOMS:
        problems.append((1, f"{room_of(path)} is no room"))
    if room_of(path) and re.search(r"^\s*(class|struct|template|enum|inline|constexpr)\b", code, re.M) \
            and "namespace lowp::inline LOWP_ABI" not in code:
        problems.append((1, "declares outside `namespace lowp::inline LOWP_ABI`"))
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_COLUMNS:
            problems.append((number, f"{len(line)} columns; the limit is {MAX_COLUMNS}"))
        if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line):
            problems.append((number, "something is left to do"))
        if quoted := re.match(r'\s*#\s*include\s*"([^"]*)"', line):
            problems.append((number, f'"{quoted[1]}" must be included as <lowp/...>'))
    for number, line in enumerate(code.splitlines(), 1):
        if define := re.match(r"\s*#\s*(define|undef)\s+(\w+)", line):
            if not define[2].startswith("LOWP_"):
                problems.append((number, f"the macro {define[2]} lacks the prefix LOWP_"))
            elif define[1] == "define":
                macros.setdefault(define[2], number)
            else:
                macros.pop(define[2], None)
        if re.search(r"\busing\s+namespace\b", line):
            problems.append((number, "using namespace in a header"))
        if include := re.match(r"\s*#\s*include\s*<([^>]*)>", line):
            if why := check_include(path, include[1], exists):
                problems.append((number, why))
            elif include[1].startswith("lowp/"):
                includes.append(include[1].removeprefix("lowp/"))
    return problems, includes, macros


def find_cycle(graph):
    state, stack = {}, []

    def visit(node):
        state[node] = "open"
        stack.append(node)
        for following in graph.get(node, []):
            if state.get(following) == "open":
                return stack[stack.index(following):] + [following]
            if following not in state and (cycle := visit(following)):
                return cycle
        stack.pop()
        state[node] = "done"
        return None

    for node in sorted(graph):
        if node not in state and (cycle := visit(node)):
            return cycle
    return None


def check_tree(include):
    root = Path(include) / "lowp"
    headers = sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())
    found, graph, homes = [], {}, {}
    for path in headers:
        if Path(path).suffix not in (".hpp", ".cuh"):
            found.append(f"{path}:1: is no header")
            continue
        problems, graph[path], macros = check_file(path, (root / path).read_text(encoding="utf-8"), lambda p: (root / p).is_file())
        for macro, line in macros.items():
            if homes.setdefault(macro, path) != path:
                problems.append((line, f"the macro {macro} is defined in {homes[macro]} too"))
        found += [f"{path}:{line}: {why}" for line, why in problems]
    if cycle := find_cycle(graph):
        found.append(f"{cycle[0]}:1: includes itself: " + " -> ".join(cycle))
    return headers, found


if __name__ == "__main__":
    all_headers, violations = check_tree(sys.argv[1])
    print("\n".join(violations + [f"{len(all_headers)} headers, {len(violations)} violations"]))
    sys.exit(1 if violations or not all_headers else 0)
