"""Section 2: make data/<name>.traj and its JSON file: by EMT dynamics, or from a published file."""

from dataclasses import asdict, replace

from data_gen.dataset import load, save
from data_gen.dynamics import DynamicsSettings
from data_gen.origin import differing, load_made
from data_gen.sources import FileSettings, make
from data_gen.structures import STRUCTURES
from reproduction import cli
from reproduction.errors import ReproductionError
from reproduction.sections import SOURCES


def fitting(path, settings):
    """Load the dataset at ``path`` if it was generated with these settings; None if missing.

    Raises:
        DataError: the file was altered or cannot be read.
        ReproductionError: the file was generated with other settings.
    """
    if not path.is_file():
        return None
    data = load(path)
    if wrong := differing(data, settings):
        raise ReproductionError(
            f"{path}: {wrong}; move it away, or give another --folder or --output"
        )
    # The further conditions of the rows, such as a JSON file with units.
    return load_made(path, settings)


def parse(argv):
    """Parse the arguments; returns them, and those settings of the dynamics that were given.

    Raises:
        ReproductionError: unknown dataset; an option for a single dataset without --name; a seed
            that is too large or negative; --output is a path, or the file of another dataset.
    """
    p = cli.parser(__doc__)
    p.add_argument("--name", help="only this dataset: " + ", ".join(SOURCES))
    one = p.add_argument_group("for one dataset, with --name")
    one.add_argument("--output", help="another name for the file, without its ending")
    own = DynamicsSettings()
    one.add_argument("--seed", type=int, help=f"of the initial velocities (default: {own.seed})")
    one.add_argument("--temperature", type=float, metavar="K", dest="temperature_K")
    one.add_argument("--steps", type=int)
    one.add_argument("--stride", type=int, help="steps between recorded frames")
    one.add_argument("--structure", choices=sorted(STRUCTURES))
    one.add_argument("--remove-rotation", action="store_true", default=None)
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
        raise ReproductionError(f"no dataset {name!r}; there is {', '.join(SOURCES)}")
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


def main(argv):
    arguments, asked = parse(argv)
    space, out = cli.workspace(arguments), cli.console()
    wanted = []
    for name, source in SOURCES.items():
        if arguments.name in (None, name):
            settings = (source.quick() if space.is_quick else source).origin
            path = space.data / f"{arguments.output or name}.traj"
            wanted.append((name, replace(settings, **asked), path))
    # One dataset leaves room for other commands that make others.
    with cli.alone(space.data, (arguments.name and (arguments.output or arguments.name)) or ""):
        # Existing files are checked first, so that nothing is made if one of them is invalid.
        found = [fitting(path, settings) for _, settings, path in wanted]
        for (name, settings, path), data in zip(wanted, found, strict=True):
            how = "already exists"
            if data is None:
                steps = getattr(settings, "steps", None)
                with out.status(f"{name}: {steps:,} steps of EMT dynamics" if steps else name):
                    data = make(settings)
                    save(data, path)
                how = "made"
            out.print(space.label(f"{path.name} {how}: {summary(data)}"))
    return 0


def summary(data):
    """One line that describes a trajectory."""
    text = (
        f"{len(data):,} frames of {len(data.numbers)} atoms, "
        f"E {data.energies.mean():.3f} ± {data.energies.std():.3f} eV, "
        f"F std {data.forces.std():.3f} eV/Å"
    )
    about = data.metadata.get("dynamics")
    if not about:
        return text
    return (
        f"{text}, total-energy drift "
        f"{1000 * about['energy_drift_eV']:.2f} meV, largest distance "
        f"{about['largest_distance_A']:.2f} Å"
    )


if __name__ == "__main__":
    cli.run_script(main)
