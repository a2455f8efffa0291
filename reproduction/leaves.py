"""The leaves of the registry's experiments, as JSON for workflow/Snakefile.

python -m reproduction.leaves --quick --only 'table4/*' --out quick/runs/.leaves/leaves.json
"""

import ast
from collections.abc import Iterable, Sequence
from pathlib import Path

from reproduction import cli
from reproduction.engine.leaves import Leaf, leaves_of, write_plan
from reproduction.engine.provenance import ROOT
from reproduction.engine.store import Store
from reproduction.sections import EXPERIMENTS, SECTIONS, select
from reproduction.show.evidence import read_provenance

# Where markers are, below the folder of runs.
MARKERS = ".leaves"


def sections_of(script: Path) -> tuple[str, ...]:
    """Names of the sections that a numbered script runs, its ``SECTIONS``; empty if none."""
    # Their names begin with digits, so that they cannot be imported.
    for node in ast.parse(script.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "SECTIONS":
            return ast.literal_eval(node.value)
    return ()


def commands() -> dict[str, tuple[str, ...]]:
    """{id of an experiment: (script that runs it,)}."""
    return {
        row.id: (str(script.relative_to(ROOT)),)
        for script in sorted((ROOT / "scripts").glob("0*.py"))
        for name in sections_of(script)
        for row in SECTIONS[name].ROWS
    }


def seconds_before() -> dict[str, dict[int, float]]:
    """{id: {seed: wall-clock seconds of its group}} of the committed results."""
    return {
        name: {int(seed): run["seconds_of_group"] for seed, run in runs.items()}
        for name, runs in read_provenance(ROOT / "results").items()
    }


def leaves(space: cli.Workspace, only: Iterable[str] = ()) -> list[Leaf]:
    """Leaves of a workspace's experiments, or of the chosen ones and those whose models they use.

    Raises:
        ReproductionError: a pattern matches nothing.
    """
    chosen = set(select(only) if only else space.names())
    chosen |= {EXPERIMENTS[name].models_of for name in chosen} - {""}
    rows = [space.experiment(name) for name in EXPERIMENTS if name in chosen]
    options = ["--folder", str(space.outer)] + (["--quick"] if space.is_quick else [])
    begin = {name: (*script, *options) for name, script in commands().items()}
    return leaves_of(rows, begin, seconds_before(), space.is_quick)


def main(argv: Sequence[str]) -> int:
    """Write the leaves, and say which are done again."""
    p = cli.parser(__doc__)
    p.add_argument(
        "--only",
        nargs="+",
        default=(),
        metavar="ID",
        help="experiments, as for the scripts, and those whose models they use (default: all)",
    )
    p.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON, written whole")
    arguments = p.parse_args(argv)
    space = cli.workspace(arguments)
    found = leaves(space, arguments.only)
    for name in write_plan(arguments.out, found, Store(space.runs)):
        cli.console().print(f"its runs are others now, or gone: {name} is done again")
    return 0


if __name__ == "__main__":
    cli.run_script(main)
