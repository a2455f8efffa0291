"""The page of a sweep: its table, what is missing, and parity plots; one file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from data_gen.files import write_text
from figures.style import SMALL, TEST, TRAIN, axis_name, grid, in_style, missing, save, with_unit
from figures.templates import environment
from fitting import results
from fitting.metrics import ENERGY, FORCE
from fitting.page import data_uri
from fitting.plots import chosen
from reproduction.engine.run_one import joined, load_dataset
from reproduction.engine.store import Store
from reproduction.show.metrics import UNITS
from reproduction.sweeps import reading, training
from reproduction.sweeps.reading import Row
from reproduction.sweeps.results import DONE, State, as_csv, headline, incomplete, table

PAGE, MARKDOWN, NUMBERS, FIGURES = "report.html", "table.md", "results.csv", "figures"
SYMBOLS = {"energy": "E", "force": "F"}
COLUMNS = 4


def write(
    name: str,
    home: Path,
    rows: Sequence[Row],
    states: Mapping[str, Mapping[int, State]],
    store: Store,
    data: Path,
) -> Path:
    """Write results.csv, table.md, figures and the page; returns the page.

    Args:
        name: of the sweep.
        home: its folder.
        rows, states: its lines, and what has become of them.
        store: of its runs.
        data: folder of the datasets.
    """
    made = table(name, states, rows)
    lacking = incomplete(states)
    write_text(home / NUMBERS, as_csv(states, rows))
    text = made.markdown() + "".join(f"\n- {line}" for line in lacking)
    write_text(home / MARKDOWN, text.rstrip() + "\n")
    images = [
        image
        for kind in SYMBOLS
        if (image := _parity(home / FIGURES, kind, rows, states, store, data))
    ]
    page = (
        environment("reproduction.sweeps")
        .get_template("report.html.j2")
        .render(
            name=f"Sweep {name}",
            headline=headline(states),
            missing=lacking,
            table=made,
            images=[(caption, data_uri(path)) for caption, path in images],
            of_trainings=[(c, data_uri(path)) for c, path in _of_trainings(home, rows, states)],
        )
    )
    write_text(home / PAGE, page)
    return home / PAGE


@in_style()
def _parity(folder, kind: str, rows, states, store: Store, data: Path) -> tuple[str, Path] | None:
    """A panel for each line that predicts a quantity: predicted and true, of the first seed."""
    rows = [row for row in rows if row.base != reading.TRAIN]
    known = {row.name: _values(kind, row, states[row.name], store, data) for row in rows}
    if not any(known.values()):
        return None
    shown = {name: values for name, values in known.items() if values != {}}
    figure, panels = grid(len(shown), COLUMNS, 1.95, head=0.3)
    unit = UNITS[f"{kind}_rmse"]
    for axes, (name, parts) in zip(panels, shown.items(), strict=True):
        axes.set_title(name, fontsize=SMALL)
        axes.tick_params(labelsize=SMALL)
        axes.set_box_aspect(1)
        if parts is None:
            missing(axes, "not done")
            continue
        every = np.concatenate([true for true, _ in parts.values()])
        looks = {"train": (TRAIN, "."), "test": (TEST, "x")}
        for part, (true, predicted) in parts.items():
            k = chosen(true, predicted, 1000)
            rmse = with_unit(float(np.sqrt(np.mean((predicted - true) ** 2))), unit)
            colour, marker = looks[part]
            look = {"color": colour, "marker": marker, "s": 5, "linewidths": 0.4}
            axes.scatter(true[k], predicted[k], label=f"{part} {rmse}", rasterized=True, **look)
        axes.plot([every.min(), every.max()], [every.min(), every.max()], color="black", lw=0.5)
        axes.legend(fontsize=5.5, handletextpad=0.1, loc="upper left")
        axes.locator_params(nbins=4)
    figure.supxlabel(axis_name(f"true {SYMBOLS[kind]}", unit), fontsize=9)
    figure.supylabel(axis_name(f"predicted {SYMBOLS[kind]}", unit), fontsize=9)
    path = save(figure, folder, f"parity_{kind}", svg=False)[0]
    caption = f"{SYMBOLS[kind]} predicted and true, of each line's first seed that is done; RMSE."
    return caption, path


def _values(kind: str, row: Row, states: Mapping[int, State], store: Store, data: Path):
    """{part: (true, predicted)} of a line; empty if it does not predict this, None if not done."""
    done = [seed for seed, of in states.items() if of.state == DONE]
    if not done:
        return None
    arrays = store.arrays(row.id, done[0])
    if f"{kind}_test" not in arrays:
        return {}
    one = row.experiment.of_seed(done[0])
    whole = load_dataset(data, one.data)
    parts = joined(whole, one.folds(whole))
    return {
        split: (
            (part.energies if kind == "energy" else part.forces).ravel(),
            arrays[f"{kind}_{split}"].ravel(),
        )
        for split, part in zip(("train", "test"), parts, strict=True)
    }


def _of_trainings(home: Path, rows, states) -> list[tuple[str, Path]]:
    """Parity plots that scripts/train.py drew, of each line's first seed that is done."""
    found = []
    for row in rows:
        done = [seed for seed, of in states[row.name].items() if of.state == DONE]
        if row.base != reading.TRAIN or not done:
            continue
        folder = training.folder_of(home, row, done[0])
        for quantity, symbol in ((ENERGY, "E per atom"), (FORCE, "F")):
            path = folder / results.FIGURES / f"parity_{quantity}.png"
            if path.is_file():
                found.append((f"{row.name}, seed {done[0]}: {symbol}, predicted and true.", path))
    return found
