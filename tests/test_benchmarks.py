"""The benchmarks run in a fresh clone, and leave the committed measurement alone."""

import subprocess
import sys

import pytest

from reproduction.engine.provenance import ROOT


@pytest.mark.parametrize("name", ["benchmark", "benchmark_behler"])
def test_a_benchmark_needs_no_data_and_keeps_nothing_unasked(name, tmp_path):
    committed = ROOT / "results" / f"{name.replace('_', '-')}.json"
    before = committed.read_bytes()
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / f"{name}.py", "--smoke"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert f"not kept: --keep writes results/{committed.name}" in done.stdout
    assert committed.read_bytes() == before and not list(tmp_path.iterdir())
