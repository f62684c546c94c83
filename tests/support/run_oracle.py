"""Runs one oracle test: run_oracle.py x_oracle.py [program]

An oracle script compares lowp with a package that has nothing to do with it, raises on a difference, and prints what it
compared. A package that is not installed makes the test skipped (exit code 77), unless LOWP_ORACLE_REQUIRED, a list of
modules, names it: then the test fails. Scripts run in a folder of their own and may write there; LOWP_TEST_DATA and
LOWP_EXAMPLE_DATA name the folders of committed data.
"""

import os
import runpy
import sys

script = os.path.abspath(sys.argv[1])
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(script))
try:
    runpy.run_path(script, run_name="__main__")
except ModuleNotFoundError as missing:
    module = (missing.name or "").split(".")[0]
    if not module or module in os.environ.get("LOWP_ORACLE_REQUIRED", "").split():
        raise
    print(f"SKIPPED: {os.path.basename(script)} needs the Python package {module}")
    sys.exit(77)
