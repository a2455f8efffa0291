"""One style for all figures: readable in print and by colour-blind readers."""

import io
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from PIL import Image

from data_gen.files import replacing

# Okabe and Ito's colours, and a line style each, so that colour is never the only difference.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#000000")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), "-")
# The report's Figure 3: training blue, test red.
TRAIN, TEST = COLOURS[0], COLOURS[1]
GREY = "#666666"
WIDTH = 7.0
SMALL = 7.5
DPI = 160
COLOURS_OF_A_PICTURE = 128

plt.rcParams.update(
    {
        "figure.figsize": (WIDTH, 4.2),
        "figure.constrained_layout.use": True,
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
        "svg.hashsalt": "figures",
    }
)


_marks: list[str] = []


def mark(text: str) -> None:
    """Write a text across all figures from now on, such as that they are of a quick run."""
    _marks[:] = [text]


def save(figure, folder: Path, name: str, svg: bool = True) -> list[Path]:
    """Write name.svg and name.png; undated, so that the same results give the same files.

    Args:
        figure: the figure, which is closed.
        folder: where to write; made where it is missing.
        name: of the files, without suffix.
        svg: False for scatters of thousands of points, of which a drawing would be megabytes.

    Returns:
        The files written.
    """
    paths = [folder / f"{name}.{suffix}" for suffix in (("svg", "png") if svg else ("png",))]
    for text in _marks:
        figure.text(0.5, 0.5, text, rotation=30, fontsize=22, color=GREY, alpha=0.4, ha="center")
    if svg:
        # What is rasterised within the drawing has the picture's resolution.
        with replacing(paths[0]) as scratch:
            figure.savefig(scratch, metadata={"Date": None}, dpi=DPI)
    picture = io.BytesIO()
    # Uncompressed, because it is read again at once.
    figure.savefig(picture, dpi=DPI, pil_kwargs={"compress_level": 0})
    # A palette, which is enough for a few colours and their shades, is a third of the size.
    with Image.open(picture) as full, replacing(paths[-1]) as scratch:
        full.convert("RGB").quantize(COLOURS_OF_A_PICTURE).save(scratch, optimize=True)
    plt.close(figure)
    return paths


def grid(n: int, columns: int, height: float, head: float = 0.7):
    """n small panels in rows; unused places stay empty.

    Args:
        n: panels.
        columns: side by side, at most.
        height: of a row, inches.
        head: inches for the title and the legend.

    Returns:
        The figure and a list of its n axes.
    """
    columns = min(columns, n)
    rows = -(-n // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(WIDTH, head + height * rows), squeeze=False)
    for spare in axes.flat[n:]:
        spare.set_axis_off()
    return figure, list(axes.flat[:n])


def missing(axes, text: str) -> None:
    """An empty panel that says why."""
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
    """Two significant digits, in thousandths of the unit below a tenth of it: "13 meV"."""
    if value < 0.1:
        value, unit = 1000 * value, f"m{unit}"
    return f"{value:#.2g}".rstrip(".") + f" {unit}"


def axis_name(quantity: str, unit: str) -> str:
    """ "E / eV", "F / (eV/Å)"."""
    return f"{quantity} / ({unit})" if "/" in unit else f"{quantity} / {unit}"
