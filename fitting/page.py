"""The page report.html of a training or an evaluation: one file, nothing is loaded from elsewhere.

Its style is that of the page of the report's results.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.symbols import Symbols

from figures.templates import environment
from fitting.evaluation import Evaluation
from fitting.metrics import NAMES, Errors, of_frames
from fitting.show import beside, milli, number, of_part
from keras_models.extrapolation import WARN

NAME = "report.html"
LEARNING = (
    "Errors of {} during training: in the batches of training with the weights of their step, "
    "and on the validation block with the average weights. Second-order iterations are counted on "
    "from the last step. The circle is the step whose weights are kept, and there is none where a "
    "model to begin with is; the star, if there is one, is the same model once its last layer was "
    "solved, which is the one that is saved."
)
CAPTIONS = {
    "parity_energy_per_atom": "Energy per atom, predicted and true, relative to that of the "
    "composition alone, which is the baseline.",
    "parity_force": "Force components, predicted and true. Of many, evenly spaced ones and those "
    "most off are drawn.",
    "learning_energy_per_atom": LEARNING.format("E per atom"),
    "learning_force": LEARNING.format("F"),
    "uncertainty": "Errors of force components beside the spread of the ensemble. On the line the "
    "spread is as large as the error; above it, the models agree on what is wrong.",
}
# Title of a table of errors, and of its first column.
GROUPS = {
    "element": ("By element", "element"),
    "size": ("By number of atoms", "number of atoms"),
    "place": ("Inside the ranges of the training, or not", "place"),
}
TOTALS = (
    "E: errors of energies per atom; F: of force components. Baseline: RMSE of what costs "
    "nothing, forces of zero and energies from the composition alone, as fitted to the {}. MAE: "
    "mean absolute error. Bias: mean error; if that of E makes up nearly all of its RMSE, the "
    "energies have another zero."
)
STRESS = " Stress is neither trained on nor compared."
PLACES = (
    "By the atom of a frame that is furthest outside the ranges of the training, in widths of the "
    f"range: at its edge up to {WARN:g}, far outside beyond."
)


@dataclass(frozen=True)
class Content:
    """What a page shows.

    Attributes:
        title: of the page.
        lead: one sentence below it.
        words: what the numbers mean, one sentence each.
        parts: evaluations of parts of the data; the last is the one that counts.
        worst: indices of the worst frames of the last part.
        names: of the frames of the last part.
        seen: lines on what was read.
        notes: warnings, one sentence each.
        facts: {title of a table: {name: value}}, such as settings and provenance.
        figures: files of images.
        use: Python code that uses the model.
    """

    title: str
    lead: str
    words: Sequence[str]
    parts: Sequence[Evaluation]
    worst: np.ndarray
    names: Sequence[str]
    seen: Sequence[str]
    notes: Sequence[str]
    facts: Mapping[str, Mapping[str, str]]
    figures: Sequence[Path]
    use: str


def render(content: Content) -> str:
    """Text of the page."""
    last = content.parts[-1]
    return (
        environment("fitting")
        .get_template("report.html.j2")
        .render(
            content=content,
            headline=[
                (e, milli(e.rmse, e.unit), milli(e.baseline, e.unit)) for e in totals([last])
            ],
            totals=[row_of(e) for e in totals(content.parts)],
            groups=[
                (
                    *GROUPS.get(group, (f"By {group}", group)),
                    [(e.name, *row_of(e)[:1], *row_of(e)[2:]) for e in rows],
                    PLACES if group == "place" else "",
                )
                for group, rows in by_group(last.metrics).items()
            ],
            of_models=of_models(last),
            worst=worst_rows(content),
            last_part=of_part(last.part),
            one_part=len(content.parts) == 1,
            totals_note=_totals_note(content.parts),
            seen=[(line[:12].strip(), line[12:].strip()) for line in content.seen],
            images=[(path.stem, data_uri(path), CAPTIONS[path.stem]) for path in content.figures],
        )
    )


def _totals_note(parts: Sequence[Evaluation]) -> str:
    fitted = "training part" if parts[-1].is_of_training else "frames here"
    cells = any(np.any(s.pbc) for of in parts for s in of.frames.structures)
    return TOTALS.format(fitted) + (STRESS if cells else "")


def totals(parts: Sequence[Evaluation]) -> list[Errors]:
    """Errors on all frames of each part."""
    return [e for of in parts for e in of.metrics if e.group == "all"]


def by_group(rows: Sequence[Errors]) -> dict[str, list[Errors]]:
    """Errors by kind of group, but those on all frames."""
    found: dict[str, list[Errors]] = {}
    for row in rows:
        if row.group != "all":
            found.setdefault(row.group, []).append(row)
    return found


def row_of(e: Errors) -> tuple[str, ...]:
    """Cells of a table: quantity, part, RMSE, baseline, MAE, largest and mean error, number."""
    errors = (number(1000 * x) for x in (e.rmse, e.baseline, e.mae, e.largest))
    bias = beside(1000 * e.bias, 1000 * e.rmse)
    return (f"{NAMES[e.quantity]}, m{e.unit}", e.part, *errors, bias, f"{e.count:,}")


def of_models(last: Evaluation) -> list[tuple[str, ...]]:
    """Cells: RMSE of E and F of each model of an ensemble, then mean ± deviation, and ensemble."""
    rmse = [{e.quantity: 1000 * e.rmse for e in rows} for rows in last.metrics_of_models]
    if len(rmse) < 2:
        return []
    kinds = list(rmse[0])
    found = [
        (name, *(number(one[q]) for q in kinds)) for name, one in zip(last.names, rmse, strict=True)
    ]
    spread = [np.array([one[q] for one in rmse]) for q in kinds]
    mean = (f"{number(x.mean())} ± {beside(x.std(ddof=1), x.mean())}" for x in spread)
    ensemble = (number(1000 * last.error(q).rmse) for q in kinds)
    return [*found, ("mean ± deviation", *mean), ("ensemble (mean prediction)", *ensemble)]


def worst_rows(content: Content) -> list[tuple[str, ...]]:
    """Cells: the worst frames with their errors."""
    last = content.parts[-1]
    off, rms = of_frames(last.frames, last.energies, last.forces)
    scale = 1000 * np.abs(off).max()
    return [
        (
            content.names[k],
            Symbols(last.frames.structures[k].numbers).get_chemical_formula(),
            beside(1000 * off[k], scale),
            number(1000 * rms[k]),
        )
        for k in content.worst
    ]


def data_uri(path: Path) -> str:
    """An image within the page."""
    return "data:image/png;base64," + base64.b64encode(Path(path).read_bytes()).decode("ascii")
