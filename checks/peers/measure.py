"""Runs that are missing, one after another, and reproduction/elsewhere.csv from all of them.

Runs in .venv; setup.sh has made the environments, export.py the data in FOLDER/data. A run's JSON
stays in FOLDER, with its scratch folder: delete it to measure that one again.
"""

import csv
import json
import subprocess
import sys
from pathlib import Path

from data_gen.files import replacing
from reproduction.engine.provenance import ROOT
from reproduction.sections.beyond_gradient import ELSEWHERE

# The first of each comes to 100 to 170 CPU seconds on one core of the machine that the CSV names,
# about what our row takes; the second to several times that.
RUNS = (
    ("ace", None),
    ("mace", 10),
    ("schnetpack", 17),
    ("schnetpack", 110),
    ("grace", 100),
    ("deepmd", 13_000),
)


def label(name: str, passes: int | None) -> str:
    """What a run's files are called."""
    return name if passes is None else f"{name}-{passes}"


def measure(folder: Path, name: str, passes: int | None) -> dict:
    """A run's numbers: those that are there, or those of a run now."""
    output = folder / f"{label(name, passes)}.json"
    if not output.is_file():
        print(f"measuring {label(name, passes)} ...", flush=True)
        python = ROOT / f".venv-peers-{name}/bin/python"
        script = ROOT / f"checks/peers/run_{name}.py"
        arguments = [folder / "data", folder / label(name, passes), output]
        if passes is not None:
            arguments += ["--passes", str(passes)]
        # What it prints is in the JSON, and much that the packages print on top is not of use.
        log = folder / f"{label(name, passes)}.log"
        with open(log, "w") as file:
            done = subprocess.run([python, script, *arguments], stdout=file, stderr=file)
        if done.returncode:
            sys.exit(f"error: {script.name} failed; the whole story is in {log}")
    return json.loads(output.read_text(encoding="utf-8"))


def write(rows: list[dict], path: Path) -> None:
    """One line for each run; settings as JSON."""
    with replacing(path) as scratch, open(scratch, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            settings = json.dumps(row["settings"], ensure_ascii=False, separators=(",", ":"))
            writer.writerow({**row, "settings": settings})


def main(folder: str) -> None:
    """Measure what is missing and write the CSV."""
    rows = [measure(Path(folder).resolve(), *run) for run in RUNS]
    write(rows, ELSEWHERE)
    for row in rows:
        print(
            f"{row['model']}: E {row['energy_rmse_meV']:.2f} meV, "
            f"F {row['force_rmse_meV_A']:.2f} meV/Å, {row['train_cpu_seconds']:.0f} s"
        )


if __name__ == "__main__":
    main(sys.argv[1])
