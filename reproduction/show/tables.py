"""Tables from metrics.csv beside the report's numbers, for terminal and README alike."""

import csv
import json
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from rich.table import Table as RichTable

from reproduction.sections.registry import EXPERIMENTS
from reproduction.show.claims import summary, verdicts
from reproduction.show.gather import Metrics, reported
from reproduction.show.metrics import NOT_RUN, Spread, with_spread

ELSEWHERE = Path(__file__).parents[1] / "elsewhere.csv"


@dataclass(frozen=True)
class Table:
    """A table as text: title, column names, rows, and a note below."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str

    def without_missing(self) -> "Table":
        """Only the rows that have all their numbers, as for a quick run, which leaves rows out."""
        return replace(self, rows=tuple(row for row in self.rows if NOT_RUN not in row))

    def markdown(self) -> str:
        """For the README."""
        lines = [f"**{self.title}**", ""]
        lines.append("| " + " | ".join(self.columns) + " |")
        lines.append("|" + "|".join(["---"] + ["---:"] * (len(self.columns) - 1)) + "|")
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join([*lines, "", self.note])

    def rich(self) -> RichTable:
        """For the terminal."""
        table = RichTable(title=self.title, caption=self.note, title_justify="left")
        for k, column in enumerate(self.columns):
            table.add_column(column, justify="left" if k == 0 else "right")
        for row in self.rows:
            table.add_row(*row)
        return table


def seconds(s: Spread | None) -> str:
    """Seconds of training, the mean over seeds."""
    if s is None:
        return ""
    return f"{s.mean:.1f}" if s.mean < 100 else f"{s.mean:.0f}"


def rmse_table(
    metrics: Metrics,
    name: str,
    title: str,
    kinds: dict[str, str],
    note: str,
    splits: dict[str, str] = MappingProxyType({"train": "train", "test": "test"}),
    scale: float = 1.0,
    late: bool = False,
    count: str = "epochs",
) -> Table:
    """Errors of the registry's rows of one table, beside the report's where it has any.

    Args:
        metrics: our numbers.
        name: of the table in the registry.
        title: of the table.
        kinds: {metric: how its column is called}.
        note: below the table.
        splits: {split: how its column is called}.
        scale: errors are multiplied by it, 1000 for meV.
        late: a column with the median over the last quarter of the epochs.
        count: what the passes over the data are called.
    """
    printed = reported()
    experiments = [e for e in EXPERIMENTS.values() if e.table == name]
    ids = {e.id for e in experiments}
    # Of which errors the report has any.
    compared = {metric for row, _, metric in printed if row in ids}
    columns = ["model", count, "seeds"]
    for metric, called in kinds.items():
        has_printed = metric in compared
        for split, split_called in splits.items():
            if has_printed and split != "rotated":
                columns.append(f"{called}{split_called}, report")
            columns.append(
                f"{called}{split_called}, here" if has_printed else called + split_called
            )
        if has_printed:
            columns.append(f"{called}test, here / report")
        if late:
            columns.append("test, median of last quarter")
    rows = []
    for experiment in experiments:
        first = metrics.spread(experiment.id, "test", next(iter(kinds)))
        epochs = metrics.spread(experiment.id, "", "epochs")
        cells = [
            experiment.label,
            f"{epochs.mean:.0f}" if epochs else "-",
            str(first.n) if first else "-",
        ]
        for metric in kinds:
            has_printed = metric in compared
            for split in splits:
                if has_printed and split != "rotated":
                    cells.append(printed.get((experiment.id, split, metric), ""))
                cells.append(with_spread(metrics.spread(experiment.id, split, metric), scale))
            value = printed.get((experiment.id, "test", metric))
            tests = metrics.spread(experiment.id, "test", metric)
            if has_printed:
                cells.append(f"{tests.mean / float(value):.2f}" if tests and value else "")
            if late:
                found = metrics.spread(experiment.id, "test", f"{metric}_late")
                cells.append(with_spread(found, scale) if found else "")
        cells.append(seconds(metrics.spread(experiment.id, "", "train_seconds")))
        rows.append(tuple(cells))
    return Table(name, title, (*columns, "seconds a seed"), tuple(rows), note)


SPREAD_NOTE = "Mean ± standard deviation over seeds."
OURS_NOTE = f"{SPREAD_NOTE} Rows without a number of the report's are ours."


ENDINGS = {
    "converged": "converged",
    "the optimiser gave up": "gave up",
    "stopped by the time limit": "time limit",
    "stopped by the limit of steps": "limit of steps",
    "all iterations done": "all done",
    "no way down": "no way down",
}


STEPS_NOTE = (
    "Steps are evaluations of Amp's loss, and iterations of the twins' second-order method. Amp's "
    "seconds hold its fingerprints, the twins' do not."
)


def behler_table(metrics: Metrics, about: dict, name: str, title: str, note=STEPS_NOTE) -> Table:
    """Errors of E and F of Amp's rows and their twins', and how many seeds ended in which way.

    Args:
        metrics: our numbers.
        about: of provenance.json.
        name, title: of the table.
        note: more to say below it.
    """
    kinds = {"energy_rmse": "E, ", "force_rmse": "F, "}
    note = f"{SPREAD_NOTE if name == 'why' else OURS_NOTE} {note}"
    table = rmse_table(metrics, name, title, kinds, note, count="steps")
    rows = []
    experiments = [e for e in EXPERIMENTS.values() if e.table == name]
    for experiment, row in zip(experiments, table.rows, strict=True):
        counts: dict[str, int] = {}
        for run in about.get(experiment.id, {}).values():
            how = ENDINGS.get(run["ended"], run["ended"])
            counts[how] = counts.get(how, 0) + 1
        ended = ", ".join(f"{how} ({n})" for how, n in sorted(counts.items()))
        rows.append((*row, ended or "-"))
    return replace(table, columns=(*table.columns, "ended (seeds)"), rows=tuple(rows))


def table1(metrics: Metrics, about: dict) -> Table:
    """Table 1: the Behler model on Au6."""
    title = "Table 1: the Behler model on Au6, E trained: RMSE of E (eV per cluster) and F (eV/Å)"
    return behler_table(metrics, about, "table1", title)


def table2(metrics: Metrics, about: dict) -> Table:
    """Table 2: the Behler model on Pt8Au2, energies alone."""
    title = "Table 2: the Behler model on Pt8Au2, E trained: RMSE of E (eV per cell) and F (eV/Å)"
    return behler_table(metrics, about, "table2", title)


def table3(metrics: Metrics, about: dict) -> Table:
    """Table 3: the Behler model on Pt8Au2, energies and forces."""
    title = "Table 3: the Behler model on Pt8Au2, E and F trained: RMSE of E (eV) and F (eV/Å)"
    return behler_table(metrics, about, "table3", title)


def why(metrics: Metrics, about: dict) -> Table:
    """What changes the forces of the Behler model."""
    title = "Why forces fail, or do not: the Keras twin, RMSE of E (eV) and F (eV/Å)"
    note = "On Pt8Au2 where nothing else is said. Steps are iterations of the second-order method."
    return behler_table(metrics, about, "why", title, note)


def table4(metrics: Metrics) -> Table:
    """Table 4: manybody expansion models of E(X)."""
    title = "Table 4: RMSE of E on Au6, eV per cluster"
    return rmse_table(metrics, "table4", title, {"energy_rmse": ""}, OURS_NOTE, late=True)


def table5(metrics: Metrics) -> Table:
    """Table 5: manybody expansion models of F(X)."""
    title = "Table 5: RMSE of F on Au6, eV/Å"
    splits = {"train": "train", "test": "test", "rotated": "test turned at random"}
    return rmse_table(metrics, "table5", title, {"force_rmse": ""}, OURS_NOTE, splits)


def section6(metrics: Metrics) -> Table:
    """Section 6: graph networks."""
    title = "Section 6: RMSE of E on Au6 by graph networks, eV per cluster"
    splits = {"train": "train", "test": "test", "rotated": "test turned at random"}
    return rmse_table(metrics, "section6", title, {"energy_rmse": ""}, OURS_NOTE, splits)


def ratio(a: Spread | None, b: Spread | None) -> str:
    """Mean over mean, with its standard error where seeds give one."""
    if not (a and b):
        return NOT_RUN
    value = a.mean / b.mean
    if a.n < 2 or b.n < 2:
        return f"{value:.2f}"
    error = value * sum((s.std / s.mean) ** 2 / s.n for s in (a, b)) ** 0.5
    return f"{value:.2f} ± {error:.2f}"


def appendix_a(metrics: Metrics) -> Table:
    """Appendix A: how much a random split flatters."""
    ordered = {
        **{f"appendix-a/{m}": f"table4/{m}" for m in ("eq3", "eq2", "eq4", "eq5")},
        "appendix-a/eq2-longer": "beyond/eq2-longer",
        "appendix-a/neighbours": "appendix-a/neighbours-ordered",
        "appendix-a/neighbours-in-time": "appendix-a/neighbours-in-time-ordered",
    }
    rows = []
    for stem, in_order in ordered.items():
        names = (in_order, f"{stem}-random", f"{stem}-blocked")
        time, random, blocked = (metrics.spread(n, "test", "energy_rmse") for n in names)
        late = [metrics.spread(n, "test", "energy_rmse_late") for n in names]
        epochs = metrics.spread(names[1], "", "epochs")
        blocks = [metrics.spread(names[2], f"block{k}", "energy_rmse") for k in range(1, 6)]
        means = [s.mean for s in blocks if s]
        rows.append(
            (
                EXPERIMENTS[in_order].label.removesuffix(", ordered"),
                f"{epochs.mean:.0f}" if epochs else "-",
                str(random.n) if random else "-",
                *map(with_spread, (time, random, blocked)),
                f"{min(means):.2g} to {max(means):.2g}" if means else NOT_RUN,
                ratio(random, time),
                ratio(random, blocked),
                ratio(late[1], late[2]) if epochs else "",
            )
        )
    return Table(
        "appendix-a",
        "Appendix A: test RMSE of E on Au6 by the choice of test frames, eV per cluster",
        (
            "model",
            "epochs",
            "seeds",
            "last 500 (the report's)",
            "random 500",
            "five blocks",
            "block by block",
            "random / last",
            "random / blocks",
            "the same, medians of last quarter",
        ),
        tuple(rows),
        f"{SPREAD_NOTE} Ratios are those of means, ± standard error. Block by block: lowest and "
        "highest of the five blocks' errors, each the mean over seeds.",
    )


def appendix_b(metrics: Metrics) -> Table:
    """Appendix B: preprocessing, each choice beside Table 4's."""
    rows = []
    for model in ("eq2", "eq5", "eq4"):
        table4_row = EXPERIMENTS[f"table4/{model}"]
        changed = [e for e in EXPERIMENTS.values() if e.table == "appendix-b" and e.model == model]
        reference = [
            metrics.spread(table4_row.id, "test", m) for m in ("energy_rmse", "energy_rmse_late")
        ]
        for experiment in (table4_row, *changed):
            train = metrics.spread(experiment.id, "train", "energy_rmse")
            test = metrics.spread(experiment.id, "test", "energy_rmse")
            late = metrics.spread(experiment.id, "test", "energy_rmse_late")
            is_table4 = experiment is table4_row
            rows.append(
                (
                    f"{experiment.label}, as in Table 4" if is_table4 else experiment.label,
                    str(test.n) if test else "-",
                    *map(with_spread, (train, test)),
                    "" if is_table4 else ratio(test, reference[0]),
                    with_spread(late),
                    "" if is_table4 else ratio(late, reference[1]),
                )
            )
    return Table(
        "appendix-b",
        "Appendix B: RMSE of E on Au6 by the preparation of the data, eV per cluster",
        (
            "model",
            "seeds",
            "train",
            "test",
            "test / Table 4's",
            "test, median of last quarter",
            "the same / Table 4's",
        ),
        tuple(rows),
        f"{SPREAD_NOTE} Ratios are those of means, ± standard error. As in Table 4: C2 = 1/R with "
        "0 on the diagonal, standardised. Epochs and all else are Table 4's in every row.",
    )


def gradient(metrics: Metrics) -> Table:
    """Energy models trained on E and F."""
    kinds = {"energy_rmse": "E, ", "force_rmse": "F, "}
    title = "F = -dE/dX: RMSE of E (meV per cluster) and F (meV/Å) on Au6"
    note = (
        f"{SPREAD_NOTE} Iterations are quasi-Newton's, the first part of them on every fourth "
        "frame; epochs are Adam's."
    )
    count = "iterations or epochs"
    return rmse_table(metrics, "gradient", title, kinds, note, scale=1000.0, count=count)


def elsewhere(metrics: Metrics) -> Table:
    """Other packages on the same system and split, as once measured, above our row."""
    with open(ELSEWHERE, newline="", encoding="utf-8") as file:
        rows = [tuple(row.values()) for row in csv.DictReader(file)]
    best = [
        metrics.spread("beyond/eq2-gradient", "test", name)
        for name in ("energy_rmse", "force_rmse")
    ]
    time = metrics.spread("beyond/eq2-gradient", "", "train_seconds")
    ours = ("**Eq. 2, E and F, here**", *(with_spread(s, 1000.0) for s in best), seconds(time))
    return Table(
        "elsewhere",
        "Au6, the report's 2,000 training frames, its 500 test frames",
        ("model", "E, test, meV", "F, test, meV/Å", "training seconds, one core"),
        (("The report's best (Eq. 4; Eq. 9)", "9", "120", "hours"), *rows, ours),
        "The other packages were measured once, on one core, by throw-away scripts with the "
        "settings named, on a trajectory of this kind; they are not run again by this repository.",
    )


def frames(metrics: Metrics) -> Table:
    """Errors against the number of training frames."""
    rows = []
    for n in (250, 500, 1000, 2000):
        cells = [f"{n:,}"]
        for model, metric in (("eq2", "energy_rmse"), ("eq9", "force_rmse")):
            whole = {"eq2": "beyond/eq2-longer", "eq9": "beyond/eq9-1000"}[model]
            name = whole if n == 2000 else f"beyond/{model}-frames-{n}"
            cells += [with_spread(metrics.spread(name, s, metric)) for s in ("train", "test")]
        rows.append(tuple(cells))
    return Table(
        "frames",
        "Training frames: RMSE of E by Eq. 2 (eV) and of F by Eq. 9 (eV/Å), as many steps each",
        ("frames", "Eq. 2, train", "Eq. 2, test", "Eq. 9, train", "Eq. 9, test"),
        tuple(rows),
        SPREAD_NOTE,
    )


def _plain(metrics: Metrics, name: str, title: str, columns: dict[str, tuple], note: str) -> Table:
    """Rows of one table with a column for each (split, metric), and the seeds."""
    rows = []
    for experiment in EXPERIMENTS.values():
        if experiment.table == name:
            found = [metrics.spread(experiment.id, *column) for column in columns.values()]
            seeds = next((str(s.n) for s in found if s), "-")
            cells = [with_spread(s) if s else (NOT_RUN if seeds == "-" else "-") for s in found]
            rows.append((experiment.label, seeds, *cells))
    return Table(name, title, ("", "seeds", *columns), tuple(rows), note)


def nve(metrics: Metrics) -> Table:
    """Dynamics at constant energy."""
    return _plain(
        metrics,
        "nve",
        "NVE dynamics, up to 100 ps at 1 fs from 1,000 K: total energy, meV per atom",
        {
            "ps reached": ("", "picoseconds"),
            "drift, model's own energy": ("", "drift_own"),
            "largest departure, own": ("", "wander_own"),
            "largest departure, EMT's energy": ("", "wander_emt"),
            "ms a step": ("", "ms_a_step"),
        },
        f"{SPREAD_NOTE} A run ends early when atoms collide or the cluster falls apart. Models of "
        "forces alone have no energy of their own; EMT's energy along their path stands in.",
    )


def uses(metrics: Metrics) -> Table:
    """Minima and vibrations of the gradient model."""
    wanted = (
        ("same minimum as EMT finds", "beyond/minima", "same_minimum"),
        ("energy there, RMSE, meV", "beyond/minima", "minimum_energy_error"),
        ("positions there, rms, Å", "beyond/minima", "minimum_rms_displacement"),
        ("calls an optimisation, model", "beyond/minima", "calls_model"),
        ("calls an optimisation, EMT", "beyond/minima", "calls_emt"),
        ("seconds for all, model", "beyond/minima", "seconds_model"),
        ("seconds for all, EMT (asap3)", "beyond/minima", "seconds_emt"),
        ("frequencies, RMSE, 1/cm", "beyond/vibrations", "frequency_rmse"),
        ("frequencies, largest error, 1/cm", "beyond/vibrations", "frequency_max_error"),
    )
    rows = []
    for label, experiment, metric in wanted:
        found = metrics.spread(experiment, "", metric)
        rows.append((label, str(found.n) if found else "-", with_spread(found)))
    return Table(
        "uses",
        "Geometry optimisation from 100 test frames, and vibrations, by Eq. 2 trained on E and F",
        ("", "seeds", "value"),
        tuple(rows),
        SPREAD_NOTE,
    )


def uncertainty(metrics: Metrics) -> Table:
    """The ensemble's spread against its error."""
    return _plain(
        metrics,
        "uncertainty",
        "Five seeds of Eq. 2 as an ensemble, on EMT dynamics started at another temperature",
        {
            "E, RMSE, eV": ("test", "energy_rmse"),
            "F, RMSE, eV/Å": ("test", "force_rmse"),
            "F, spread of the ensemble": ("test", "force_std"),
            "error / spread": ("test", "error_to_std"),
            "rank correlation": ("test", "rank_correlation"),
        },
        "Rank correlation (Spearman) of error and spread, frame by frame; seeds are those of the "
        "dynamics, mean ± standard deviation.",
    )


def _fraction(s: Spread | None) -> str:
    """A part of a variance, over many orders of magnitude: the mean, and the largest of seeds."""
    if s is None:
        return "-"
    if s.highest < 1e-12:  # rounding
        return "0"
    return f"{s.mean:.1e}" + (f" (≤ {s.highest:.1e})" if s.n > 1 else "")


def learned(metrics: Metrics) -> Table:
    """What the MLPs learned: a column a model, a row a question."""
    numbers = {
        "principal components for 99 % of what the outer MLP sees": "components_99",
        "for 99.9 %": "components_999",
        "directions for 99 % of what it reacts to": "directions_99",
        "directions for 99.9 %": "directions_999",
    }
    energies = {
        "E_i moves along the first direction, meV": "response_1",
        "along the second": "response_2",
        "along the third": "response_3",
    }
    fractions = {
        "f, unexplained by the first two directions": "f_unexplained",
        "h, unexplained by them": "h_unexplained",
        "h beyond f, unexplained by them": "rest_unexplained",
        "f, before training": "f_unexplained_before",
        "h beyond f, before training": "rest_unexplained_before",
        "the directions, unexplained by EMT's f and h": "response_unexplained_emt",
        "atom energies, unexplained by EMT's": "atom_unexplained",
        "outer function beyond a line, unexplained by g": "outer_unexplained",
        "f, unexplained by Behler's four G": "f_unexplained_g2",
        "h beyond f, unexplained by Behler's four G": "rest_unexplained_g2",
        "the directions, unexplained by Behler's four G": "response_unexplained_g2",
        "Behler's four G, unexplained by the first two directions": "g2_unexplained",
        "pair energy, unexplained by the best one": "pair_unexplained_best",
        "pair energy, unexplained by EMT's with g as its tangent": "pair_unexplained_linear",
        "pair energy, unexplained by EMT's 2h": "pair_unexplained_h",
        "pair energy, unexplained by a f + b h": "pair_unexplained_fh",
        "pair energy, unexplained by Behler's four G": "pair_unexplained_g2",
    }
    experiments = [e for e in EXPERIMENTS.values() if e.table == "learned"]

    def row(label, metric, show):
        return (label, *(show(metrics.spread(e.id, "train", metric)) for e in experiments))

    def counted(s):
        return with_spread(s) if s and s.std > 0 else f"{s.mean:.0f}" if s else "-"

    def in_mev(s):
        return with_spread(s, 1000.0) if s else "-"

    found = [metrics.spread(e.id, "", "train_seconds") for e in experiments]
    rows = [
        ("seeds", *(str(s.n) if s else NOT_RUN for s in found)),
        *(row(label, metric, counted) for label, metric in numbers.items()),
        *(row(label, metric, in_mev) for label, metric in energies.items()),
        *(row(label, metric, _fraction) for label, metric in fractions.items()),
    ]
    return Table(
        "learned",
        "What the MLPs learned, next to EMT's f, g, h and Behler's radial G",
        ("", *(e.label for e in experiments)),
        tuple(rows),
        "Unexplained: the part of the variance, 1 - R^2, that the best fit leaves over the "
        "training part's pairs (or atoms); the mean over seeds, and the largest; above 1 a "
        "constant does better. A linear map of the inner functions and a constant are free; "
        "for atom and pair energies only a constant is (and a, b, or the G's weights, where "
        "named). Directions are those of the inner functions' sums at unit covariance, in "
        "order of what E_i moves along one standard deviation. Before training: the same "
        "network with Keras's own first weights.",
    )


def inner(metrics: Metrics) -> Table:
    """Eq. 2 against the number of its inner functions."""
    rows = []
    for n in (1, 2, 3, 5, 20):
        name = "beyond/eq2-longer" if n == 20 else f"beyond/eq2-inner-{n}"
        cells = [with_spread(metrics.spread(name, s, "energy_rmse")) for s in ("train", "test")]
        rows.append((str(n), *cells, seconds(metrics.spread(name, "", "train_seconds"))))
    best = metrics.spread("beyond/learned-emt", "train", "one_function_rmse")
    floor = (
        f" One combination a f + b h of EMT's two functions in the place of both, with the best "
        f"a, b and outer function, leaves {with_spread(best)} eV in training."
    )
    return Table(
        "inner",
        "Eq. 2 with fewer inner functions: RMSE of E on Au6, eV (1,000 epochs, cosine decay)",
        ("inner functions", "train", "test", "seconds a seed"),
        tuple(rows),
        SPREAD_NOTE + (floor if best else ""),
    )


def data(metrics: Metrics) -> Table:
    """How many of the samples are independent."""
    row, rows = "beyond/correlation-au6", []
    for name, called in (
        ("coordinates", "coordinates, lab frame"),
        ("distances", "sorted distances"),
        ("energy", "energy"),
    ):
        cells = [
            with_spread(metrics.spread(row, "", f"{name}_next_correlation")),
            with_spread(metrics.spread(row, "", f"{name}_correlation_time")),
            with_spread(metrics.spread(row, "", f"{name}_correlation_time_error")),
        ]
        for split in ("", "train", "test"):
            found = metrics.spread(row, split, f"{name}_independent_samples")
            cells.append(f"{found.mean:.0f}" if found else NOT_RUN)
        rows.append((called, *cells))
    return Table(
        "data",
        "Au6: correlation between samples, and how many are independent",
        (
            "",
            "correlation with the next sample",
            "correlation time, ps",
            "its standard error, ps",
            "independent samples",
            "of the training part",
            "of the test part",
        ),
        tuple(rows),
        "Integrated correlation time τ by Sokal's automatic window; n samples that span a time T "
        "are worth T / 2τ independent ones.",
    )


def speed(benchmark: dict) -> Table:
    """An epoch of Eq. 2, as scripts/benchmark.py measured it in one run."""
    times = benchmark.get("eq2_ms_an_epoch", {})
    slowest = next(iter(times.values()), 0.0)
    note = "`make benchmark` has not been run yet."
    if times:
        note = f"Measured in one run on {benchmark['cores']} cores of {benchmark['processor']}."
    return Table(
        "speed",
        "An epoch of Eq. 2 (2,000 frames, batches of 32)",
        ("how", "ms a seed", "times as fast"),
        tuple((name, f"{ms:.1f}", f"{slowest / ms:.1f}") for name, ms in times.items()),
        note,
    )


def latency(benchmark: dict) -> Table:
    """Calculators on Au6, as scripts/benchmark.py measured them in one run."""
    rows = tuple((k, f"{v:.3f}") for k, v in benchmark.get("calculator_ms_a_call", {}).items())
    note = "Energy and forces at new positions each time, the same run as above."
    return Table("latency", "A call of an ASE calculator on Au6", ("calculator", "ms"), rows, note)


def behler_speed(benchmark: dict) -> Table:
    """A pass over the data by Amp and its twin, as scripts/benchmark_behler.py measured it."""
    rows = []
    for row, one in benchmark.get("passes", {}).items():
        kind = "E and F" if one["forces"] else "E"
        ratio = one["amp_ms"] / one["twin_ms"]
        rows.append(
            (
                f"{row}, {one['frames']:,} frames, {kind}",
                f"{one['amp_ms']:.1f}",
                f"{one['twin_ms']:.1f}",
                f"{ratio:.1f}",
                f"{one['twin_preparation_s']:.0f}",
            )
        )
    note = "`make benchmark` has not been run yet."
    if rows:
        over = benchmark["hand_over_ms_a_frame"]
        parts = ", ".join(f"{ms:.1f} ms a frame with {name}" for name, ms in over.items())
        note = (
            f"Loss and gradient over the training part, one thread of {benchmark['processor']}, "
            f"Amp with its {'Fortran module' if benchmark['amp'] == 'fortran' else 'Python code'}. "
            f"Amp's hand-over of the derivatives before its first step on forces: {parts}."
        )
    columns = ("row", "Amp, ms", "twin, ms", "times as fast", "twin's fingerprints, s, once")
    title = "A pass over the data: Amp and its Keras twin"
    return Table("behler-speed", title, columns, tuple(rows), note)


def claims(metrics: Metrics) -> Table:
    """Verdicts; the page says by which rules, and with which numbers."""
    judged = verdicts(metrics)
    return Table(
        "claims",
        summary(judged),
        ("the report's words", "section", "verdict"),
        tuple((one.claim.quote, one.claim.section, one.status) for one in judged),
        "Rules, tolerances and the numbers behind each verdict: `results/report.html`, made from "
        "`reproduction/claims.py` and `results/metrics.csv`.",
    )


def _json(path: Path) -> dict:
    return json.loads(path.read_text()) if path.is_file() else {}


def tables(results: Path, metrics: Metrics | None = None) -> dict[str, Table]:
    """All tables of a results folder, by name."""
    metrics = metrics or Metrics.read(results)
    benchmark = _json(results / "benchmark.json")
    about = _json(results / "provenance.json")
    behler = {
        make.__name__: (lambda m, make=make: make(m, about))
        for make in (table1, table2, table3, why)
    }
    makers = (
        claims,
        data,
        *behler.values(),
        table4,
        table5,
        section6,
        appendix_a,
        appendix_b,
        gradient,
        elsewhere,
        frames,
        nve,
        uses,
        uncertainty,
        learned,
        inner,
    )
    made = [*(make(metrics) for make in makers), speed(benchmark), latency(benchmark)]
    made.append(behler_speed(_json(results / "benchmark-behler.json")))
    return {table.name: table for table in made}


def fill(text: str, tables: dict[str, Table]) -> str:
    """Replace what stands between ``<!-- name:begin -->`` and ``<!-- name:end -->``.

    Raises:
        ValueError: a begin without its end.
    """
    for name, table in tables.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        if begin in text:
            head, rest = text.split(begin, 1)
            if end not in rest:
                raise ValueError(f"{begin} without {end}")
            tail = rest.split(end, 1)[1]
            text = f"{head}{begin}\n{table.markdown()}\n{end}{tail}"
    return text


def fill_file(path: Path, tables: dict[str, Table]) -> bool:
    """:func:`fill` a file; True when it changed."""
    old = path.read_text(encoding="utf-8")
    new = fill(old, tables)
    if new != old:
        path.write_text(new, encoding="utf-8")
    return new != old
