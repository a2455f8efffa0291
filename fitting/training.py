"""From settings to a folder with a trained model, its errors and a page; resumes where it stopped.

A folder has ``config.json`` from when training begins, ``unfinished/`` with checkpoints until a
model is in ``models/``, and ``report.html`` when all is done.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.console import Console

from data_gen.files import sweep
from data_gen.locks import Held, held
from data_gen.machine import versions
from fitting import page
from fitting.config import NAME, Config, read_config, write_config
from fitting.data import Data, Part, load
from fitting.errors import FittingError
from fitting.evaluation import Evaluation, Potential, baseline_of, evaluate
from fitting.progress import Bar, stoppable
from fitting.results import PACKAGES, provenance, use_of, write_results
from fitting.settings import completed, pretrained, starting_models
from keras_models.checkpoints import load_arrays, save_arrays
from keras_models.fit_edges import EdgeFitSettings, fit_edges
from keras_models.opening import MODELS
from keras_models.saving import read_about

UNFINISHED, CURVES = "unfinished", "curves"
# Frames of the training part whose errors are shown; evenly spaced ones of more.
SHOWN = 1000
QUIET = Console(quiet=True)


def train(config: Config, folder: Path, console: Console = QUIET) -> Path:
    """Train as the settings say, or go on with a training that was stopped; returns the page.

    Args:
        config: settings; what is missing is chosen from the data.
        folder: for all that is made; new, empty or of the same training.
        console: for messages and progress.

    Raises:
        FittingError: settings or data do not fit, or the folder has something else in it.
        DataError: a file cannot be read or used.
        Diverged: the loss is not finite.
        Stop: the user asked to stop; the same call goes on from there.
    """
    folder = Path(folder)
    if not config.files:
        raise FittingError("there are no files to train on: name at least one")
    # First of all, lest a lock be left in a folder of something else.
    _before(folder)
    config = config.with_checksums()
    data = load(config)
    for line in (*data.seen, data.split):
        console.print(line, markup=False, highlight=False)
    with _alone(folder):
        before = _before(folder)
        config, settings = completed(config, data, before, console)
        if before and (folder / page.NAME).is_file():
            console.print(f"This training is finished: see {folder / page.NAME}", markup=False)
            return folder / page.NAME
        if before:
            console.print(f"Going on with the training in {folder}", markup=False)
        write_config(config, folder / NAME)
        options = ", ".join(f"{name} {value}" for name, value in settings.options.items())
        console.print(f"model {settings.model}: {options}", markup=False, highlight=False)
        with stoppable() as asked:
            for k, seed in enumerate(config.seeds):
                label = f"seed {seed} ({k + 1} of {len(config.seeds)})"
                with Bar(console, label) as bar:

                    def report(fraction: float, text: str, bar=bar) -> None:
                        bar(fraction, text)
                        asked.check()

                    _train_seed(folder, config, settings, data, seed, report, console)
        console.print("Evaluating", markup=False)
        return _conclude(folder, config, settings, data)


def _train_seed(folder, config, settings, data: Data, seed: int, report, console) -> None:
    """Train one model and save it, unless that was done before."""
    path = folder / MODELS / f"seed{seed}.keras"
    if path.is_file():
        return
    checkpoint = folder / UNFINISHED / f"seed{seed}.npz"
    first = True

    def on_report(fraction: float, text: str) -> None:
        nonlocal first
        if first and text.startswith("step") and fraction > 1.5 / settings.training.steps:
            console.print(f"seed {seed} goes on after {text}", markup=False)
        first &= not text.startswith("step")
        report(fraction, text)

    stamp = json.dumps(versions(PACKAGES))
    starts = starting_models(config)
    start = pretrained(starts[config.seeds.index(seed) % len(starts)]) if starts else None
    fitted = fit_edges(
        data.trained,
        settings,
        seed,
        checkpoint=checkpoint,
        stamp=stamp,
        report=on_report,
        start=start,
    )
    save_arrays(folder / CURVES / f"seed{seed}.npz", "", **fitted.curves)
    # Last, as a model that is there counts as trained.
    fitted.save(
        path,
        seed=seed,
        baseline=baseline_of(data.train.frames),
        config=asdict(config.moved(lambda name: Path(name).name)),
        counts=fitted.counts,
        isolated=fitted.info["isolated"],
        seconds=fitted.seconds,
    )
    checkpoint.unlink(missing_ok=True)


def _conclude(folder: Path, config: Config, settings: EdgeFitSettings, data: Data) -> Path:
    """Evaluate the models on all parts and write everything but them."""
    potential = Potential(folder)
    shown = data.train
    if len(shown.frames) > SHOWN:
        shown = shown[np.linspace(0, len(shown.frames) - 1, SHOWN).astype(int)]
    parts = [p for p in (shown, data.validation, data.test) if p]
    found = [evaluation_of(potential, part) for part in parts]
    curves = {seed: load_arrays(folder / CURVES / f"seed{seed}.npz", "") for seed in config.seeds}
    name = ", ".join(Path(f).name for f in config.files)
    page_path = write_results(
        folder,
        title=f"A potential trained on {name}",
        lead=data.split,
        parts=found,
        names=parts[-1].names,
        seen=data.seen,
        notes=data.notes,
        facts={
            "Training": _training_table(folder, config),
            "Settings": _settings_table(config),
            "Provenance": _provenance_table(config),
        },
        use=use_of(folder),
        curves=curves,
        summary={"config": json.loads((folder / NAME).read_text()), "provenance": provenance()},
    )
    with contextlib.suppress(OSError):
        (folder / UNFINISHED).rmdir()
    return page_path


def evaluation_of(potential: Potential, part: Part) -> Evaluation:
    """Evaluation of a part, with its labels."""
    return evaluate(potential, part.frames, part=part.name, labels=part.labels)


def _training_table(folder: Path, config: Config) -> dict[str, str]:
    """What the models say of their training; seconds of each, and the rest of the first."""
    about = [read_about(folder / MODELS / f"seed{seed}.keras") for seed in config.seeds]
    seconds = {
        f"processor seconds, {name}": ", ".join(f"{a['seconds'][name]:.0f}" for a in about)
        for name in about[0]["seconds"]
    }
    counts = {name.replace("_", " "): f"{n:,}" for name, n in about[0]["counts"].items()}
    references = about[0]["references"]
    return {
        **counts,
        **seconds,
        "reference energies, eV": ", ".join(f"{e} {x:.6f}" for e, x in references.items()),
        "of isolated atoms": ", ".join(about[0]["isolated"]) or "none",
    }


def _settings_table(config: Config) -> dict[str, str]:
    entries = {
        "files": ", ".join(Path(f).name for f in config.files),
        "test": ", ".join(Path(f).name for f in config.test) or "a part of the files",
        "split": config.split,
        "seeds": ", ".join(map(str, config.seeds)),
        "minutes": str(config.minutes),
        "continue_from": str(config.continue_from and Path(config.continue_from).name),
        **{f"model.{name}": str(value) for name, value in config.model.items()},
        **{f"training.{name}": str(value) for name, value in config.training.items()},
    }
    return entries


def _provenance_table(config: Config) -> dict[str, str]:
    sums = {f"SHA-256 of {Path(name).name}": found for name, found in config.sha256.items()}
    return {**sums, **provenance()}


def _before(folder: Path) -> Config | None:
    """Settings of a training that was begun in a folder.

    Raises:
        FittingError: the folder has something else in it.
    """
    if (folder / NAME).is_file():
        return read_config(folder / NAME)
    there = folder.iterdir() if folder.exists() else ()
    others = sorted(p.name for p in there if not p.name.startswith("."))
    if others:
        raise FittingError(
            f"{folder} has something else in it ({others[0]}): give a new folder as --out"
        )
    return None


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    try:
        with held(folder):
            sweep(folder)
            yield
    except Held:
        raise FittingError(
            f"{folder}: another training is working here: wait for it, or give another --out"
        ) from None
