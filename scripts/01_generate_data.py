"""Section 2: molecular dynamics with EMT -> data/<name>.traj and its JSON."""

from dataclasses import asdict, replace

from data_gen.dataset import load, save
from data_gen.dynamics import DynamicsSettings, run_dynamics
from data_gen.structures import STRUCTURES
from reproduction import cli
from reproduction.errors import ReproductionError
from reproduction.sections import SOURCES


def fitting(path, settings):
    """The dataset at ``path`` if it is whole and of these settings; None where there is none.

    Raises:
        DataError: a file that is altered or cannot be read.
        ReproductionError: a file of other settings.
    """
    if not path.is_file():
        return None
    data = load(path)
    made_with = data.metadata.get("dynamics")
    if not isinstance(made_with, dict):
        raise ReproductionError(
            f"{path} was not made by this script; move it away or give another --output"
        )
    for name, wanted in asdict(settings).items():
        if made_with.get(name) != wanted:
            raise ReproductionError(
                f"{path} was made with {name} = {made_with.get(name)}, not {wanted}; delete it or "
                "give another --folder or --output"
            )
    return data


def main(argv):
    p = cli.parser(__doc__)
    p.add_argument("--name", help="only this dataset: " + ", ".join(SOURCES))
    p.add_argument("--output", help="another name for the file, without its ending")
    own = DynamicsSettings()
    p.add_argument("--seed", type=int, help=f"of the first velocities (default: {own.seed})")
    p.add_argument("--temperature", type=float, metavar="K", dest="temperature_K")
    p.add_argument("--steps", type=int)
    p.add_argument("--stride", type=int, help="keep a frame every so many steps")
    p.add_argument("--structure", choices=sorted(STRUCTURES))
    p.add_argument("--remove-rotation", action="store_true", default=None)
    arguments = p.parse_args(argv)
    space, out = cli.workspace(arguments), cli.console()
    if arguments.name is not None and arguments.name not in SOURCES:
        raise ReproductionError(f"no dataset {arguments.name!r}; there is {', '.join(SOURCES)}")
    asked = {
        name: value for name in asdict(own) if (value := getattr(arguments, name, None)) is not None
    }
    for name, source in SOURCES.items():
        if arguments.name not in (None, name):
            continue
        settings = (source.quick() if space.is_quick else source).dynamics
        settings = replace(settings, **asked)
        path = space.data / f"{arguments.output or name}.traj"
        data = fitting(path, settings)
        if data is None:
            with out.status(f"{name}: {settings.steps:,} steps of EMT dynamics"):
                data = run_dynamics(settings)
                save(data, path)
            how = "made"
        else:
            how = "is there already"
        about = data.metadata["dynamics"]
        out.print(
            space.label(
                f"{path.name} {how}: {len(data):,} frames of {len(data.numbers)} atoms, "
                f"E {data.energies.mean():.3f} ± {data.energies.std():.3f} eV, "
                f"F std {data.forces.std():.3f} eV/Å, total-energy drift "
                f"{1000 * about['energy_drift_eV']:.2f} meV, largest distance "
                f"{about['largest_distance_A']:.2f} Å"
            )
        )
    return 0


if __name__ == "__main__":
    cli.run_script(main)
