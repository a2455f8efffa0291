"""The commands: ``scripts/train.py`` and ``scripts/evaluate.py``, or nnp-train and nnp-evaluate."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from data_gen.division import KINDS, SHARE
from data_gen.errors import DataError
from data_gen.streams import prepare_streams
from fitting.config import MINUTES, Config, path_of, read_config
from fitting.errors import FittingError, TrainingFailed

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
TRAIN = """Train a potential on a file of frames with energies and forces.

Reads any format that ASE reads. Writes a folder with the models, their errors on a page
(report.html) and the settings; keras_models.calculator.KerasCalculator takes the folder. If it is
stopped by Ctrl-C or killed, the same command resumes it."""
EVALUATE = """Evaluate a trained model or ensemble on a file of frames with energies and forces.

Writes a folder with a page of the errors (report.html), metrics.csv and the worst frames."""


def train_parser() -> argparse.ArgumentParser:
    """Arguments of the training."""
    p = _parser("train.py", TRAIN)
    p.add_argument("files", nargs="*", metavar="FILE", help="data; slices as md.traj@::10")
    p.add_argument("--test", nargs="+", metavar="FILE", help="test on these (default: a part)")
    _add_frames(p)
    p.add_argument(
        "--split", choices=KINDS, help="what is validated and tested on (default: blocks)"
    )
    p.add_argument(
        "--minutes",
        type=float,
        help="to wait, for all seeds together, evaluation included; fewer than 3 choose a smaller "
        f"model (default: {MINUTES:.0f})",
    )
    p.add_argument(
        "--steps", type=int, metavar="N", help="training steps of each model, instead of --minutes"
    )
    p.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        help="models of an ensemble (default: one for each core, as far as memory suffices, at "
        "most 4, as they are trained side by side; 1 gives the fastest potential)",
    )
    p.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="models trained at once (default: one a core, as far as memory suffices)",
    )
    p.add_argument("--model", metavar="NAME", help="of those on edge lists (default: linear_eq4)")
    p.add_argument("--config", type=Path, metavar="FILE", help="settings, JSON or TOML")
    p.add_argument(
        "--continue-from", metavar="MODEL", help="file or folder of models to begin with"
    )
    p.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="to write (default: FILE's name, less its ending, and -potential; in this folder)",
    )
    return p


def evaluate_parser() -> argparse.ArgumentParser:
    """Arguments of the evaluation."""
    p = _parser("evaluate.py", EVALUATE)
    p.add_argument("model", help="file of a model, or folder of a training")
    p.add_argument("files", nargs="+", metavar="FILE", help="data; slices as md.traj@::10")
    _add_frames(p)
    p.add_argument("--out", type=Path, metavar="FOLDER", help="default: FILE's name and -errors")
    return p


def _parser(name: str, text: str) -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(prog=name, description=text, formatter_class=form)


def _add_frames(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--leave-out", nargs="+", metavar="FILE@N", help="without these frames: md.traj@37,112"
    )
    p.add_argument("--energy-key", metavar="K", help="name of the energies in the files")
    p.add_argument("--forces-key", metavar="K", help="name of the forces in the files")


def config_of(arguments: argparse.Namespace) -> Config:
    """Settings from the file of settings, if any, and the arguments, which come before it.

    Raises:
        FittingError: a value makes no sense.
    """
    config = read_config(arguments.config) if arguments.config else Config()
    given: dict = {}
    for name in ("files", "test", "leave_out"):
        if getattr(arguments, name):
            given[name] = tuple(getattr(arguments, name))
    for name in ("energy_key", "forces_key", "split"):
        if getattr(arguments, name) is not None:
            given[name] = getattr(arguments, name)
    if arguments.continue_from:
        given["continue_from"] = arguments.continue_from
    if arguments.seeds is not None:
        if arguments.seeds < 1:
            raise FittingError(
                f"--seeds must be a number of models, at least 1, not {arguments.seeds}"
            )
        given["seeds"] = tuple(range(arguments.seeds))
    training = dict(config.training)
    if arguments.minutes is not None and arguments.steps is not None:
        raise FittingError("--minutes sets the number of steps: give either it or --steps")
    if arguments.minutes is not None:
        given["minutes"] = arguments.minutes
        training.pop("steps", None)
    if arguments.steps is not None:
        if arguments.steps < 1:
            raise FittingError(f"--steps must be at least 1, not {arguments.steps}")
        training["steps"] = arguments.steps
        given["minutes"] = None
    if arguments.model:
        given["model"] = {**config.model, "name": arguments.model}
    if {"files", "test", "continue_from"} & set(given):
        # Checksums are of the files that the settings name.
        kept = replace(config, **given).read
        given["sha256"] = {k: v for k, v in config.sha256.items() if k in kept}
    return replace(config, training=training, **given)


def kept_of_other_minutes(arguments: argparse.Namespace, config: Config) -> list[str]:
    """That a settings file has what few minutes may have made it choose, in a sentence."""
    if arguments.minutes is None or not arguments.config:
        return []
    share, solved = config.validation_share, config.training.get("solve_last_layer", True)
    kept = []
    if share is not None and share < SHARE:
        kept.append(f"validation_share = {share:.2g}")
    if not solved:
        kept.append("training.solve_last_layer = false")
    before = read_config(arguments.config).minutes
    few = before is not None and before < arguments.minutes
    if few and config.model.get("options", {}).get("rounds") == 1:
        kept.append("model.options.rounds = 1")
    if not kept:
        return []
    return [
        f"note: {' and '.join(kept)} of {arguments.config} may have been chosen for other minutes: "
        "delete what is not meant"
    ]


def train_main(argv: Sequence[str]) -> int:
    """Run the training command; returns the exit status."""
    begin = time.monotonic()
    p = train_parser()
    arguments = p.parse_args(argv)
    config = config_of(arguments)
    if not config.files:
        p.error("name a file to train on, or a --config that does")
    folder = arguments.out or Path(f"{stem(config.files[0])}-potential")
    # Here, so that wrong arguments are refused at once: TensorFlow takes seconds to import.
    if arguments.workers is not None and arguments.workers < 1:
        raise FittingError(f"--workers must be at least 1, not {arguments.workers}")
    from fitting.training import train
    from keras_models.errors import Diverged, TooManyWeights

    for line in kept_of_other_minutes(arguments, config):
        console().print(line, markup=False)
    try:
        path = train(config, folder, console(), arguments.workers, begin)
    except Diverged as error:
        print(f"error: {error}: try a smaller training.learning_rate", file=sys.stderr)
        return EXIT_FAILED
    except (TrainingFailed, TooManyWeights) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_FAILED
    console().print(f"Done: {path}", markup=False)
    return 0


def evaluate_main(argv: Sequence[str]) -> int:
    """Run the evaluation command; returns the exit status."""
    arguments = evaluate_parser().parse_args(argv)
    folder = arguments.out or Path(f"{stem(arguments.files[0])}-errors")
    from fitting.evaluating import evaluate_files

    keys = (arguments.energy_key, arguments.forces_key)
    try:
        path = evaluate_files(
            *(arguments.model, arguments.files, folder, *keys),
            console=console(),
            left_out=arguments.leave_out or (),
        )
    except KeyboardInterrupt:
        half = f"; delete {folder}, which is incomplete" if folder.exists() else ""
        print(f"\nstopped, without a result{half}", file=sys.stderr)
        return EXIT_INTERRUPTED
    console().print(f"Done: {path}", markup=False)
    return 0


def stem(name: str) -> str:
    """A file's name for a folder in the current one: without folder, ASE's slice and ending."""
    path = path_of(name)
    if path.suffix in (".bz2", ".gz", ".xz"):
        path = path.with_suffix("")
    return path.stem


def console() -> Console:
    """The terminal, or plain output if there is none."""
    out = Console(soft_wrap=True, highlight=False)
    return out if out.is_terminal else Console(width=140, soft_wrap=True, highlight=False)


def run(main: Callable[[Sequence[str]], int]) -> int:
    """Run a command; expected exceptions become one sentence. Returns the exit status."""
    prepare_streams()
    try:
        return main(sys.argv[1:])
    except (FittingError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USAGE
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        print(f"error: {what}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("\nstopped; run the same command to resume", file=sys.stderr)
        return EXIT_INTERRUPTED


def train() -> int:
    """Console command nnp-train."""
    return run(train_main)


def evaluate() -> int:
    """Console command nnp-evaluate."""
    return run(evaluate_main)
