"""The benchmarks run in a fresh clone, and leave the committed measurements alone."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from reproduction.engine.provenance import ROOT
from reproduction.sections import EXPERIMENTS, all_tables, beyond_scale, beyond_speed
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
        "EMT": {"ms": 0.02},
        beyond_scale.EQ2: {"ms": 0.15, "compiled_ms": 0.1, "atom_steps_a_second": 2e4},
        "Eq. 4": {"ms": 0.3, "compiled_ms": 0.2},
    }
    measured = {"processor": "a processor", "crystals": crystals, "small": calls}
    (tmp_path / beyond_scale.FILE).write_text(json.dumps(measured))
    assert beyond_scale.scale(empty).rows == (
        ("linear Eq. 4, 3 rounds", "4,000", "500.0", "8,000", "800.0", "5,000", "1,000"),
        ("asap3 EMT", "864", "1.2", "691,200", "", "", "90"),
    )
    table = beyond_scale.small(empty)
    assert table.rows == (
        ("EMT", "0.020", "", "", ""),
        (beyond_scale.EQ2, "0.150", "0.100", "1.5", "20,000"),
        ("Eq. 4", "0.300", "0.200", "1.5", ""),
    )
    assert "series" not in table.note
    calls["EMT"]["ms_of_series"], calls["Eq. 4"]["ms_of_series"] = [0.02, 0.021], [0.3, 0.45, 0.36]
    (tmp_path / beyond_scale.FILE).write_text(json.dumps(measured))
    assert "differ by up to 50 %" in beyond_scale.small(empty).note


def test_a_call_has_one_time_on_all_pages():
    """Two pages had it from two runs."""
    evidence = Evidence.read(ROOT / "results", EXPERIMENTS)
    tables = all_tables(evidence)
    shown = {row[0]: row[1] for row in tables["small-calls"].rows}
    assert shown[beyond_scale.EQ2] == f"{beyond_scale.call_ms(evidence):.3f}"
    ours = tables["elsewhere"].rows[-1]
    assert "here" in ours[0]
    assert float(ours[-1]) == pytest.approx(beyond_scale.call_ms(evidence), rel=0.05)


def test_an_epoch_that_is_measured_twice_says_how_far_to_trust_it(tmp_path):
    evidence = replace(Evidence.read(ROOT / "results", {}), folder=tmp_path)
    measured = {
        "cores": 2,
        "processor": "a processor",
        "eq2_ms_an_epoch": {"Keras fit": 100.0, "compiled epoch, unique pairs": 10.0},
    }
    for models, says in (
        ({}, "after a first one."),
        ({"eq2": {"ms_an_epoch_1_lane": 12.5}}, "measured twice in it, 10.0 and 12.5 ms."),
    ):
        path = tmp_path / "benchmark.json"
        path.write_text(json.dumps({**measured, "models": models}))
        assert beyond_speed.speed(evidence).note.endswith(says)
