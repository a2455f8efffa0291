"""Update results/metrics.csv, README.md, docs/results/ and results/report.html from the runs."""

from reproduction import cli
from reproduction.engine.provenance import ROOT
from reproduction.engine.provenance import code_checksum as code
from reproduction.engine.store import Store
from reproduction.sections import CLAIMS, EXPERIMENTS, all_tables
from reproduction.show import documents, page
from reproduction.show.claims import summary, verdicts


def report(space, out):
    """Write and print all results. Returns the evidence and notes on rows."""
    evidence, fresh, notes = cli.gather_results(space, out)
    made, judged = all_tables(evidence), verdicts(CLAIMS, evidence)
    for table in made.values():
        if space.is_quick:
            table = table.without_missing()
        if not table.rows:
            continue
        out.print()
        if space.is_quick:
            out.print(space.label("these numbers only show that it runs:"), markup=False)
        out.print(table.rich())
    out.print()
    if not space.is_quick:
        out.print(summary(judged))
    written = page.write(evidence, made, judged, space.is_quick)
    out.print(space.label(f"the page: {written}"))
    out.print(f"numbers: {space.results / 'metrics.csv'} ({len(fresh)} experiments from runs)")
    out.print(f"runs, with predictions and models: {space.runs}")
    if not space.is_quick and space.folder == ROOT:
        for path in documents.write(ROOT, documents.blocks(evidence, made, judged)):
            out.print(f"{path.relative_to(ROOT)}: numbers updated")
    return evidence, notes


def failures(space, out):
    """Print all runs whose last attempt failed; returns how many of them belong to a row."""
    rows = {name: space.experiment(name) for name in EXPERIMENTS}
    count = 0
    for (name, seed), why in Store(space.runs).failures().items():
        if name in rows and seed in rows[name].seeds:
            count += 1
            out.print(
                f"failed, and will be retried by the next call: {name} seed {seed}: {why}",
                markup=False,
            )
        else:
            out.print(f"failed, but not part of any row: {name} seed {seed}: {why}", markup=False)
    return count


def main(argv):
    p = cli.parser(__doc__)
    p.add_argument(
        "--metrics",
        action="store_true",
        help="only write metrics.csv and the like, neither figures nor page",
    )
    arguments = p.parse_args(argv)
    space, out = cli.workspace(arguments), cli.console()
    with cli.alone(space.results):
        if arguments.metrics:
            evidence, _, notes = cli.gather_results(space, out)
        else:
            evidence, notes = report(space, out)
    for note in notes:
        out.print(note, markup=False)
    for name, runs in evidence.provenance.items():
        older = [k for k, run in runs.items() if run["code_sha256"] != code(EXPERIMENTS[name].task)]
        if older:
            out.print(
                "made by a different version of the code, --fresh of its script repeats it: "
                f"{name}, seed {', '.join(older)}"
            )
    return cli.EXIT_FAILED if failures(space, out) else 0


if __name__ == "__main__":
    cli.run_script(main)
