"""Section 3, Tables 1 to 3: the Behler-Parrinello model with Amp, and with its Keras twin."""

import contextlib
import os

from amp_baseline import AmpError
from amp_baseline.potential import backend
from reproduction import cli
from reproduction.engine.provenance import ROOT
from reproduction.engine.store import Store
from reproduction.errors import ReproductionError
from reproduction.sections import EXPERIMENTS, rows_of
from reproduction.show.evidence import Metrics

SECTIONS = (
    "s3_behler",
    "s3_longer",
    "s3_forces",
    "unprinted_slab",
    "unprinted_moved",
    "s3_functions",
)
ROWS = rows_of(*SECTIONS)


def amp_minutes(amp, space, seeds, fresh):
    """Expected minutes of Amp's missing runs, from the committed ones."""
    known, store, seconds = Metrics.read(ROOT / "results"), Store(space.runs), 0.0
    for name in amp:
        one = known.spread(name, "", "train_seconds")
        wanted = seeds or EXPERIMENTS[name].seeds
        missing = [k for k in wanted if fresh or store.read(name, k) is None]
        seconds += len(missing) * (one.mean if one else cli.UNKNOWN_SECONDS)
    return seconds / 60 / cli.cores()


def main(argv):
    p = cli.parser(__doc__)
    cli.add_run_arguments(p)
    p.add_argument(
        "--amp",
        default=os.environ.get("AMP") or "run",
        metavar="run|stored",
        help="train Amp, or use the committed results of its rows; rows given by --only, and all "
        "rows of quick runs, are always run (default: the environment variable AMP, or run)",
    )
    arguments = p.parse_args(argv)
    if arguments.amp not in ("run", "stored"):
        raise ReproductionError(f"--amp (or AMP) must be run or stored, not {arguments.amp!r}")
    space, out = cli.workspace(arguments), cli.console()
    own = cli.rows_to_run(arguments, ROWS)
    if not space.is_quick and not arguments.only:
        amp = [name for name in own if EXPERIMENTS[name].task == "amp"]
        minutes = amp_minutes(amp, space, arguments.seeds, arguments.fresh)
        if arguments.amp == "stored":
            own = [name for name in own if name not in amp]
            cli.leave_out(amp, space)
            out.print("Amp's rows are skipped: their committed results are used")
        elif minutes > 1:
            out.print(
                f"Amp's rows take about {minutes:.0f} minutes on {cli.cores()} cores; "
                "AMP=stored uses their committed results instead"
            )
            # Without Amp, its rows fail with a message, and the others are run.
            with contextlib.suppress(AmpError):
                if backend() == "python":
                    out.print(
                        "Amp has no Fortran module here, and its Python code takes far longer: "
                        "install gfortran, then run make setup"
                    )
    return cli.EXIT_FAILED if cli.run_experiments(arguments, own).failed else 0


if __name__ == "__main__":
    cli.run_script(main)
