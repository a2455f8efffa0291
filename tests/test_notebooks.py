"""Notebooks run as a reviewer runs them, in a kernel of their own, and come to the verdicts."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from reproduction.sections import CLAIMS, EXPERIMENTS
from reproduction.show.claims import verdict
from reproduction.show.evidence import Evidence

ROOT = Path(__file__).parent.parent
VERDICTS = ROOT / "notebooks/verdicts.ipynb"
SECONDS = 60


def printed(notebook) -> str:
    """What the cells of a notebook print."""
    outputs = (out for cell in notebook.cells for out in cell.get("outputs", ()))
    return "".join(out.get("text", "") for out in outputs)


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The notebook after it has run from its own folder; a cell that fails or takes long raises."""
    home = tmp_path_factory.mktemp("jupyter")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR", "MPLCONFIGDIR"):
            patch.setenv(name, str(home / name))
        client = NotebookClient(
            nbformat.read(VERDICTS, as_version=4),
            timeout=SECONDS,
            resources={"metadata": {"path": str(VERDICTS.parent)}},
        )
        return client.execute()


def test_three_verdicts_by_hand_are_those_of_the_claims(executed):
    found = dict(re.findall(r"claim (\d+) by hand: ([a-z ]+);", printed(executed)))
    evidence = Evidence.read(ROOT / "results", EXPERIMENTS)
    assert list(found) == ["19", "30", "33"]
    for claim in CLAIMS:
        if str(claim.number) in found:
            assert found[str(claim.number)] == verdict(claim, evidence).status


def test_forces_are_drawn(executed):
    kinds = [set(out.data) for c in executed.cells for out in c.get("outputs", ()) if "data" in out]
    assert any("image/png" in kind for kind in kinds)


@pytest.mark.parametrize("path", sorted(VERDICTS.parent.glob("*.ipynb")), ids=lambda p: p.name)
def test_notebooks_are_kept_without_outputs(path):
    """Numbers have one home; and a run of the notebook leaves no difference but its outputs."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs") and cell.get("execution_count") is None
    assert nbformat.validate(nbformat.read(path, as_version=4)) is None
