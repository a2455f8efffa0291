"""What the benchmarks share: data made for the measurement, and results kept on purpose alone."""

import argparse
import json
from dataclasses import replace

from rich.console import Console

from data_gen.dataset import Dataset
from data_gen.dynamics import run_dynamics
from data_gen.files import write_text
from reproduction.engine.experiment import DataSource
from reproduction.engine.provenance import ROOT


def first_frames(source: DataSource, frames: int) -> Dataset:
    """The beginning of a trajectory, made anew: a fresh clone has no data."""
    settings = source.dynamics
    return run_dynamics(replace(settings, steps=frames * settings.stride))


def parser(description: str) -> argparse.ArgumentParser:
    """Arguments that every benchmark takes."""
    p = argparse.ArgumentParser(description=description)
    p.add_argument(
        "--keep", action="store_true", help="write the committed results, which tables show"
    )
    p.add_argument("--smoke", action="store_true", help="does it run? numbers mean nothing")
    return p


def conclude(results: dict, name: str, keep: bool, out: Console) -> None:
    """Write results/<name> where that was asked for; else say how."""
    path = ROOT / "results" / name
    if keep:
        write_text(path, json.dumps(results, indent=1) + "\n")
        out.print(f"written to {path.relative_to(ROOT)}")
    else:
        out.print(f"not kept: --keep writes {path.relative_to(ROOT)}")
