"""Figure 3: E predicted and true, Behler model (10,10,10)."""

from pathlib import Path

from figures.parity import errors_beside, scatter
from figures.style import in_style, save, subplots
from reproduction.show.evidence import Metrics
from reproduction.show.predictions import SEED, TRAIN_STRIDE, read_predictions

ROW = "table1/behler-10-10-10"


@in_style()
def draw(results: Path) -> list[Path]:
    """Draw from predictions/; returns the files, none if the row is missing."""
    predictions = read_predictions(results, ROW)
    if predictions is None:
        return []
    figure, axes = subplots(figsize=(4.6, 4.8))
    scatter(axes, predictions, "energy", size=8, fontsize=9)
    errors_beside(axes, Metrics.read(results), ROW, "energy", fontsize=9)
    axes.set_xlabel("true E / eV")
    axes.set_ylabel("predicted E / eV")
    n = {split: len(values) for split, values in predictions.reference["energy"].items()}
    axes.set_title(
        f"Figure 3: Behler model (10, 10, 10), seed {SEED}\n"
        f"{n['train']} training frames (every {TRAIN_STRIDE['energy']}th), all {n['test']} test "
        "frames\ncircle: the test frame that is most off, counted from 0\n"
        "bottom right: RMSE over all frames",
        fontsize=9,
    )
    # Below the text on the worst frame.
    axes.legend(loc="upper left", markerscale=2, bbox_to_anchor=(0.0, 0.88))
    return save(figure, results / "figures", "figure3_behler_parity", svg=False)
