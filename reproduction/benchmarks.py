"""Shared code of the benchmarks: test data, arguments, and writing results only if asked."""

import argparse
import json
from dataclasses import replace
from datetime import date

from rich.console import Console

from data_gen.dataset import Dataset
from data_gen.dynamics import run_dynamics
from data_gen.files import write_text
from reproduction.engine.experiment import DataSource
from reproduction.engine.provenance import ROOT, provenance


def first_frames(source: DataSource, frames: int) -> Dataset:
    """Generate the beginning of a trajectory, so that a fresh clone needs no data files."""
    settings = source.origin
    return run_dynamics(replace(settings, steps=frames * settings.stride))


def parser(description: str) -> argparse.ArgumentParser:
    """Argument parser with the arguments of every benchmark."""
    p = argparse.ArgumentParser(description=description)
    p.add_argument(
        "--keep", action="store_true", help="write the committed results that the tables show"
    )
    p.add_argument("--smoke", action="store_true", help="only test that it runs; no valid numbers")
    return p


def conclude(results: dict, name: str, keep: bool, out: Console) -> None:
    """Write results/<name> with its provenance if ``keep`` is set; else print how to do so."""
    path = ROOT / "results" / name
    if keep:
        results = results | {"date": f"{date.today()}", "provenance": provenance()}
        write_text(path, json.dumps(results, indent=1) + "\n")
        out.print(f"written to {path.relative_to(ROOT)}")
    else:
        out.print(f"not stored: --keep writes {path.relative_to(ROOT)}")
