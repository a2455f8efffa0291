"""Section 2: make data/<name>.traj and its JSON file: by EMT dynamics, or from a published file."""

from dataclasses import asdict, replace

from data_gen.dynamics import DynamicsSettings
from data_gen.sources import FileSettings
from data_gen.structures import STRUCTURES
from reproduction import cli
from reproduction.errors import ReproductionError
from reproduction.sections import SOURCES
from reproduction.trajectories import Wanted, make_all, present, summary


def parse(argv):
    """Parse the arguments; returns them, and those settings of the dynamics that were given.

    Raises:
        ReproductionError: unknown dataset; an option for a single dataset without --name, or of
            dynamics for one from a file; a seed that is too large or negative; --output is a path,
            or the file of another dataset.
    """
    p = cli.parser(__doc__)
    p.add_argument("--name", help="only this dataset: " + ", ".join(SOURCES))
    p.add_argument(
        "--workers", type=int, metavar="N", help="processes (default: one per core, quick: one)"
    )
    one = p.add_argument_group(
        "for one dataset, with --name", "Without one of these, the dataset's own setting is used."
    )
    one.add_argument("--output", help="another name for the file, without its ending")
    own = DynamicsSettings()
    one.add_argument("--seed", type=int, help="of the initial velocities")
    one.add_argument(
        "--temperature", type=float, metavar="K", dest="temperature_K", help="initial, in kelvin"
    )
    one.add_argument("--steps", type=int, help="time steps, the unrecorded ones included")
    one.add_argument("--stride", type=int, help="time steps between recorded frames")
    one.add_argument("--structure", choices=sorted(STRUCTURES), help="initial positions")
    one.add_argument(
        "--remove-rotation",
        action="store_true",
        default=None,
        help="start with zero angular momentum",
    )
    arguments = p.parse_args(argv)
    asked = {
        name: value for name in asdict(own) if (value := getattr(arguments, name, None)) is not None
    }
    if arguments.seed is not None:
        cli.check_seed(arguments.seed)
    name, output = arguments.name, arguments.output
    if name is None and (asked or output is not None):
        option = "output" if output is not None else next(iter(asked)).removesuffix("_K")
        raise ReproductionError(
            f"--{option.replace('_', '-')} is for one dataset: say which with --name"
        )
    if name is not None and name not in SOURCES:
        raise ReproductionError(f"no dataset {name!r}: choose from {', '.join(SOURCES)}")
    if asked and isinstance(SOURCES[name].origin, FileSettings):
        raise ReproductionError(f"{name} comes from a file: it has no settings of dynamics")
    if output is not None:
        if output in ("", ".", "..") or "/" in output:
            raise ReproductionError(
                f"--output {output!r} is not a file name; use --folder for the folder"
            )
        if output in SOURCES and output != name:
            raise ReproductionError(f"--output {output} is the file of another dataset")
    return arguments, asked


def workers_of(arguments):
    """Number of processes; small data sets take no longer than to start one.

    Raises:
        ReproductionError: it is not positive.
    """
    if arguments.workers is None:
        return 1 if arguments.quick else cli.cores()
    if arguments.workers < 1:
        raise ReproductionError(f"--workers must be at least 1, not {arguments.workers}")
    return arguments.workers


def main(argv):
    arguments, asked = parse(argv)
    space, out = cli.workspace(arguments), cli.console()
    wanted = []
    for name, source in SOURCES.items():
        if arguments.name in (None, name):
            settings = (source.quick() if space.is_quick else source).origin
            path = space.data / f"{arguments.output or name}.traj"
            wanted.append(Wanted(name, replace(settings, **asked), path))

    def say(line):
        out.print(space.label(line), markup=False)

    # One dataset leaves room for other commands that make others.
    with cli.alone(space.data, (arguments.name and (arguments.output or arguments.name)) or ""):
        # Existing files are checked first, so that nothing is made if one of them is invalid.
        found = [(one, present(one)) for one in wanted]
        for one, data in found:
            if data is not None:
                say(f"{one.path.name} already exists: {summary(data)}")
        missing = [one for one, data in found if data is None]
        with out.status(f"{sum(one.steps for one in missing):,} steps of EMT dynamics"):
            failed = make_all(missing, workers_of(arguments), say)
    if failed and len(wanted) == 1:
        raise failed[0]
    for error in failed:
        say(f"failed: {error}; runs on it will fail, others go on")
    return cli.EXIT_FAILED if failed else 0


if __name__ == "__main__":
    cli.run_script(main)
