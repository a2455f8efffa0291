"""Finished runs -> results/metrics.csv, the tables beside the report's, and the README's."""

from data_gen.errors import DataError
from reproduction import cli
from reproduction.experiments import EXPERIMENTS
from reproduction.provenance import ROOT
from reproduction.results import gather
from reproduction.runner import load_dataset
from reproduction.store import Store
from reproduction.tables import fill_file, tables


def main(argv):
    arguments = cli.parser(__doc__).parse_args(argv)
    space, out = cli.workspace(arguments), cli.console()
    experiments = [space.experiment(name) for name in EXPERIMENTS]
    sums = {}
    for name in {experiment.dataset for experiment in experiments}:
        try:
            sums[name] = load_dataset(space.data, name).checksum()
        except DataError as error:
            out.print(f"{error}: its stored rows stay as they are")
    store = Store(space.runs)
    metrics, fresh = gather(store, experiments, sums, space.results)
    made = tables(space.results, metrics)
    for table in made.values():
        if space.is_quick:
            table = table.without_missing()
        if not table.rows:
            continue
        out.print()
        if space.is_quick:
            out.print(space.label("these numbers say that it runs, and no more:"), markup=False)
        out.print(table.rich())
    out.print()
    out.print(f"numbers: {space.results / 'metrics.csv'} ({len(fresh)} experiments from runs)")
    out.print(f"runs, with predictions and models: {space.runs}")
    if not space.is_quick and space.folder == ROOT and fill_file(ROOT / "README.md", made):
        out.print("README.md: tables brought up to date")
    failures = store.failures()
    for name, why in failures.items():
        out.print(f"failed: {name}: {why}", markup=False)
    return cli.EXIT_FAILED if failures else 0


if __name__ == "__main__":
    cli.run_script(main)
