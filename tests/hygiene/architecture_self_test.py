"""Checks that architecture.py finds each kind of violation, and nothing in a clean tree."""

import tempfile
from pathlib import Path

from architecture import check_tree

HEAD = "// What it holds.\n#pragma once\n"
BODY = "namespace lowp::inline LOWP_ABI {\nstruct thing {};\n}\n"
CLEAN = {
    "version.hpp": HEAD + "#define LOWP_VERSION 1\n",
    "core/bits.hpp": HEAD + "#include <lowp/version.hpp>\n#include <cstdint>\n" + BODY,
    "scheme/scheme.hpp": HEAD + "#include <lowp/core/bits.hpp>\n" + BODY,
    "kernel/cpu/gemv.hpp": HEAD + "#include <lowp/scheme/scheme.hpp>\n#include <immintrin.h>\n" + BODY,
    "kernel/cpu/loops/dot.hpp": "// What it holds.\n#if defined(LOWP_TARGET)\n" + BODY + "#endif\n",
    "kernel/cuda/gemv.cuh": HEAD + "#include <cuda_fp16.h>\n#include <cuda/std/span>\n" + BODY,
    "algorithm/gptq.hpp": HEAD + "// using namespace in a comment\n" + BODY,
    "io/file.hpp": HEAD + "#include <nlohmann/json.hpp>\n#include <sys/mman.h>\n" + BODY,
    "lowp.hpp": HEAD + "#include <lowp/kernel/cpu/gemv.hpp>\n",
}
WRONG = {
    "comes before": {"core/a.hpp": HEAD + "#include <lowp/scheme/scheme.hpp>\n" + BODY},
    "knows nothing of": {"io/a.hpp": HEAD + "#include <lowp/kernel/cpu/gemv.hpp>\n" + BODY},
    "leaves out": {"lowp.hpp": HEAD + "#include <lowp/io/file.hpp>\n"},
    "the umbrella": {"core/a.hpp": HEAD + "#include <lowp/lowp.hpp>\n" + BODY},
    "does not exist": {"core/a.hpp": HEAD + "#include <lowp/core/gone.hpp>\n" + BODY},
    "device header": {"kernel/cpu/a.hpp": HEAD + "#include <lowp/kernel/cuda/gemv.cuh>\n" + BODY},
    "belongs in io/": {"quantize/a.hpp": HEAD + "#include <nlohmann/json.hpp>\n" + BODY},
    "belongs in kernel/cpu/": {"format/a.hpp": HEAD + "#include <immintrin.h>\n" + BODY},
    "belongs in kernel/cuda/": {"format/a.hpp": HEAD + "#include <cuda_fp8.h>\n" + BODY},
    "no dependency": {"core/a.hpp": HEAD + "#include <boost/any.hpp>\n" + BODY},
    "too heavy": {"core/a.hpp": HEAD + "#include <iostream>\n" + BODY},
    "includes itself": {
        "core/a.hpp": HEAD + "#include <lowp/core/b.hpp>\n" + BODY,
        "core/b.hpp": HEAD + "#include <lowp/core/a.hpp>\n" + BODY,
    },
    "lacks the prefix": {"core/a.hpp": HEAD + "#define HELPER(x) x\n" + BODY},
    "is defined in": {"core/a.hpp": HEAD + "#define LOWP_VERSION 2\n" + BODY},
    "using namespace": {"core/a.hpp": HEAD + "using namespace std;\n" + BODY},
    "lines; the limit": {"core/a.hpp": HEAD + BODY + "\n" * 400},
    "columns; the limit": {"core/a.hpp": HEAD + "//" + "-" * 140 + "\n" + BODY},
    "left to do": {"core/a.hpp": HEAD + "// TO" + "DO: more\n" + BODY},
    "must be included as": {"core/a.hpp": HEAD + '#include "bits.hpp"\n' + BODY},
    "does not start": {"core/a.hpp": "#pragma once\n" + BODY},
    "#pragma once": {"core/a.hpp": "// What it holds.\n" + BODY},
    "defined(LOWP_TARGET)": {"kernel/cpu/loops/a.hpp": HEAD + BODY},
    "is no room": {"misc/a.hpp": HEAD + BODY},
    "declares outside": {"core/a.hpp": HEAD + "struct thing {};\n"},
    "is no header": {"core/a.txt": "text\n"},
}


def violations(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder, "lowp", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return check_tree(folder)[1]


assert violations(CLEAN) == [], violations(CLEAN)
for expected, change in WRONG.items():
    found = violations(CLEAN | change)
    assert len(found) == 1 and expected in found[0], (expected, found)
print(f"{len(WRONG)} kinds of violation are found")
