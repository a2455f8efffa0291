"""Measure what has no results yet of other packages, and of ours, and write elsewhere.csv.

Runs in .venv, after setup.sh has created the environments and export.py the data in FOLDER/data. A
run's JSON file stays in FOLDER, beside its scratch folder: delete it to measure that run again.
"""

import csv
import json
import subprocess
import sys
from pathlib import Path

from data_gen.files import replacing
from reproduction.engine.provenance import ROOT
from reproduction.sections.beyond_elsewhere import ELSEWHERE

HERE = "here"  # in .venv
# Trajectory, runner, passes. On Au6 the first run of each package takes 100 to 170 CPU seconds on
# one core of the machine named in the CSV, about as long as our row; a second one takes several
# times as long. On Au12 our own rows are measured, too, on the same machine and day.
RUNS = (
    ("au6", "ace", None),
    ("au6", "mace", 10),
    ("au6", "schnetpack", 17),
    ("au6", "schnetpack", 110),
    ("au6", "grace", 100),
    ("au6", "deepmd", 13_000),
    ("au12", "ace", None),
    ("au12", HERE, 1),
    ("au12", HERE, 3),
)


def label(trajectory: str, name: str, passes: int | None) -> str:
    """Name of a run's files."""
    return f"{trajectory}-{name}" + ("" if passes is None else f"-{passes}")


def of_these_frames(output: Path, data: Path) -> bool:
    """Whether a run's results are there, and of the training and test frames that are exported."""
    if not output.is_file():
        return False
    found = json.loads(output.read_text(encoding="utf-8"))
    files = json.loads((data / "data.json").read_text(encoding="utf-8"))["files"]
    return all(found.get(f"{name}_sha256") == file["sha256"] for name, file in files.items())


def measure(folder: Path, trajectory: str, name: str, passes: int | None) -> dict:
    """Numbers of a run, which is done now unless its results on these frames exist."""
    of_run = label(trajectory, name, passes)
    output = folder / f"{of_run}.json"
    if not of_these_frames(output, folder / "data" / trajectory):
        print(f"measuring {of_run} ...", flush=True)
        python = sys.executable if name == HERE else ROOT / f".venv-peers-{name}/bin/python"
        script = ROOT / f"checks/peers/run_{name}.py"
        arguments = [folder / "data" / trajectory, folder / of_run, output]
        if passes is not None:
            arguments += ["--passes", str(passes)]
        # Its own output is also in the JSON; the packages' output is of little use.
        log = folder / f"{of_run}.log"
        with open(log, "w") as file:
            done = subprocess.run([python, script, *arguments], stdout=file, stderr=file)
        if done.returncode:
            sys.exit(f"error: {script.name} failed; the whole story is in {log}")
    return json.loads(output.read_text(encoding="utf-8"))


def write(rows: list[dict], path: Path) -> None:
    """Write one line for each run, with settings as JSON."""
    with replacing(path) as scratch, open(scratch, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            settings = json.dumps(row["settings"], ensure_ascii=False, separators=(",", ":"))
            writer.writerow({**row, "settings": settings})


def main(folder: str) -> None:
    """Do the missing runs and write the CSV."""
    rows = [measure(Path(folder).resolve(), *run) for run in RUNS]
    write(rows, ELSEWHERE)
    for row in rows:
        print(
            f"{row['trajectory']}, {row['model']}: E {row['energy_rmse_meV']:.2f} meV, "
            f"F {row['force_rmse_meV_A']:.2f} meV/Å, {row['train_cpu_seconds']:.0f} s"
        )


if __name__ == "__main__":
    main(sys.argv[1])
