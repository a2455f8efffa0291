"""The benchmarks run in a fresh clone, and leave the committed measurements alone."""

import subprocess
import sys

from reproduction.engine.provenance import ROOT

# In one process, which imports TensorFlow once; the first sets its number of threads.
BOTH = """
import runpy
sys.argv = ["benchmark", "--smoke"]
for script in ("benchmark_behler", "benchmark"):
    try:
        runpy.run_path(f"{sys.path[0]}/{script}.py", run_name="__main__")
    except SystemExit as end:
        assert end.code == 0
"""


def test_benchmarks_need_no_data_and_keep_nothing_unasked(tmp_path):
    committed = [ROOT / "results" / name for name in ("benchmark.json", "benchmark-behler.json")]
    before = [path.read_bytes() for path in committed]
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'scripts')!r})\n{BOTH}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    for path in committed:
        assert f"not stored: --keep writes results/{path.name}" in done.stdout
    assert [path.read_bytes() for path in committed] == before and not list(tmp_path.iterdir())
