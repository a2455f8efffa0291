"""The benchmarks run in a fresh clone, and leave the committed measurements alone."""

import json
import os
import subprocess
import sys
from dataclasses import replace

from reproduction.engine.provenance import ROOT
from reproduction.sections import beyond_scale
from reproduction.show.evidence import Evidence

# In one process, which imports TensorFlow once; the first sets its number of threads.
ALL = """
import runpy
sys.argv = ["benchmark", "--smoke"]
for script in ("benchmark_behler", "benchmark", "benchmark_scale"):
    try:
        runpy.run_path(f"{sys.path[0]}/{script}.py", run_name="__main__")
    except SystemExit as end:
        assert end.code == 0
"""


def test_benchmarks_need_no_data_and_keep_nothing_unasked(tmp_path):
    names = ("benchmark.json", "benchmark-behler.json", "benchmark-scale.json")
    committed = [ROOT / "results" / name for name in names]

    def kept():
        return [path.read_bytes() if path.exists() else None for path in committed]

    before = kept()
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'scripts')!r})\n{ALL}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        # Whether they run is asked, not how fast.
        env=os.environ | {"XLA_FLAGS": "--xla_backend_optimization_level=0"},
    )
    assert done.returncode == 0, done.stderr
    for path in committed:
        assert f"not stored: --keep writes results/{path.name}" in done.stdout
    assert kept() == before and not list(tmp_path.iterdir())


def test_tables_of_scale_show_what_was_measured(tmp_path):
    """And say so where nothing was."""
    evidence = Evidence.read(ROOT / "results", {})
    empty = replace(evidence, folder=tmp_path)
    for table in (beyond_scale.scale(empty), beyond_scale.small(empty)):
        assert not table.rows and table.note == beyond_scale.NOT_MEASURED
    crystals = {
        "3 rounds": [{"atoms": 4000, "ms": 500.0, "ms_with_list": 800.0, "peak_mb": 1000.4}],
        "asap3 EMT": [{"atoms": 864, "ms": 1.25, "peak_mb": 90.0}],
    }
    calls = {
        "Eq. 2": {"ms": 0.15, "compiled_ms": 0.1, "atom_steps_a_second": 2e4},
        "Eq. 4": {"ms": 0.3, "compiled_ms": 0.2},
    }
    measured = {"processor": "a processor", "crystals": crystals, "small": calls}
    (tmp_path / beyond_scale.FILE).write_text(json.dumps(measured))
    assert beyond_scale.scale(empty).rows == (
        ("linear Eq. 4, 3 rounds", "4,000", "500.0", "8,000", "800.0", "5,000", "1,000"),
        ("asap3 EMT", "864", "1.2", "691,200", "", "", "90"),
    )
    assert beyond_scale.small(empty).rows == (
        ("Eq. 2", "0.150", "0.100", "1.5", "20,000"),
        ("Eq. 4", "0.300", "0.200", "1.5", ""),
    )
