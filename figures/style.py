"""Common style of all figures, readable in print and for colour-blind readers."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from PIL import Image

from data_gen.files import replacing

# Okabe and Ito's colours, each with its line style, so that colour is never the only difference.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#000000")
# One more than there are colours: a seventh line has the first colour, but not its style.
LINES = ("-", "--", "-.", ":", (0, (5, 1)), "-", (0, (3, 1, 1, 1, 1, 1)))
# As in the report's Figure 3: training blue, test red.
TRAIN, TEST = COLOURS[0], COLOURS[1]
GREY = "#666666"
WIDTH = 7.0
SMALL = 7.5
DPI = 160
COLOURS_OF_A_PICTURE = 64

STYLE = {
    "figure.figsize": (WIDTH, 4.2),
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.hashsalt": "figures",
}


_marks: list[str] = []


@contextlib.contextmanager
def in_style() -> Iterator[None]:
    """Draw in this style; also a decorator.

    A user's own, of a notebook or a matplotlibrc, is not for these figures, and is as it was
    afterwards. Neither pyplot nor its backend has to do with them.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def subplots(rows: int = 1, columns: int = 1, figsize: tuple[float, float] | None = None, **more):
    """A figure and its axes, as by pyplot, which would keep the figure."""
    figure = Figure(figsize=figsize)
    return figure, figure.subplots(rows, columns, **more)


def mark(text: str) -> None:
    """Write a text across all later figures, for example that they are from a quick run."""
    _marks[:] = [text]


def save(figure, folder: Path, name: str, svg: bool = True) -> list[Path]:
    """Write a figure as name.svg and name.png, without dates so that files are reproducible.

    Args:
        figure: to write.
        folder: for the files; created if it is missing.
        name: of the files, without suffix.
        svg: False for drawings of thousands of points, whose SVG is large.

    Returns:
        The files written.
    """
    paths = [folder / f"{name}.{suffix}" for suffix in (("svg", "png") if svg else ("png",))]
    for text in _marks:
        figure.text(0.5, 0.5, text, rotation=30, fontsize=22, color=GREY, alpha=0.4, ha="center")
    if svg:
        # Rasterised elements in the SVG get the resolution of the PNG.
        with replacing(paths[0]) as scratch:
            figure.savefig(scratch, metadata={"Date": None}, dpi=DPI)
    picture = io.BytesIO()
    # Uncompressed, as it is read again immediately.
    figure.savefig(picture, dpi=DPI, pil_kwargs={"compress_level": 0})
    # With a palette, sufficient for a few colours and their shades, the size is a third.
    with Image.open(picture) as full, replacing(paths[-1]) as scratch:
        full.convert("RGB").quantize(COLOURS_OF_A_PICTURE).save(scratch, optimize=True)
    return paths


def grid(n: int, columns: int, height: float, head: float = 0.7):
    """Create a figure with n small panels in rows.

    Args:
        n: number of panels.
        columns: largest number side by side.
        height: of a row, inches.
        head: height of title and legend, inches.

    Returns:
        The figure and a list of its n axes.
    """
    columns = min(columns, n)
    rows = -(-n // columns)
    figure, axes = subplots(rows, columns, figsize=(WIDTH, head + height * rows), squeeze=False)
    for spare in axes.flat[n:]:
        spare.set_axis_off()
    return figure, list(axes.flat[:n])


def missing(axes, text: str) -> None:
    """Write into an empty panel why it is empty."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(
        0.5,
        0.5,
        text,
        transform=axes.transAxes,
        ha="center",
        va="center",
        color=GREY,
        fontsize=SMALL,
    )


def with_unit(value: float, unit: str) -> str:
    """Format with two significant digits; below 0.1 in thousandths of the unit, as "13 meV"."""
    if value < 0.1:
        value, unit = 1000 * value, f"m{unit}"
    return f"{value:#.2g}".rstrip(".") + f" {unit}"


def axis_name(quantity: str, unit: str) -> str:
    """Label of an axis, such as "E / eV" or "F / (eV/Å)"."""
    return f"{quantity} / ({unit})" if "/" in unit else f"{quantity} / {unit}"
