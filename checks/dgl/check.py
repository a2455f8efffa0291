"""The DGL side of `make check-dgl`: compare the report's network in DGL with that in Keras.

Runs in .venv-dgl, on the file written by keras_side.py. Exit status 1 if anything differs.
"""

import math
import sys

import numpy as np
import torch
from dgl_network import GraphNetwork

ENERGY_TOLERANCE = {"float32": 1e-5, "float64": 1e-9}  # eV
# In units of the largest energy's rounding: float32 values of hundreds of eV cannot agree to 1e-5.
ROUNDINGS = 8
WEIGHT_TOLERANCE = 1e-8
LOSS_TOLERANCE = 1e-8
RMSE_TOLERANCE = 1e-8  # eV


class Report:
    """Printer of comparisons, one line each, which counts those that failed."""

    def __init__(self) -> None:
        self.failed = 0

    def compare(self, what: str, found: np.ndarray, expected: np.ndarray, tolerance: float):
        difference = np.abs(found - expected).max() if found.shape == expected.shape else math.inf
        # In this form NaN fails.
        good = bool(difference <= tolerance)
        self.failed += not good
        mark = "ok  " if good else "FAIL"
        print(f"{mark}  {what:<48} max difference {difference:7.1e}  (up to {tolerance:.1e})")


def arrays(kept, prefix: str) -> list[np.ndarray]:
    """Arrays prefix/0, prefix/1, ...: Keras's weights in the order of the layers."""
    return [kept[f"{prefix}/{k}"] for k in range(sum(key.startswith(f"{prefix}/") for key in kept))]


def network(kept, weights: list[np.ndarray], dtype: str) -> GraphNetwork:
    """The network in DGL with weights from Keras, whose kernels are (in, out)."""
    model = GraphNetwork(*kept["statistics"].tolist()).to(getattr(torch, dtype))
    tensors = [torch.tensor(w.T) for w in weights]
    model.load_state_dict(dict(zip(model.state_dict(), tensors, strict=True)))
    return model


def predict(model: GraphNetwork, positions: np.ndarray) -> np.ndarray:
    """Predict energies, (n, N, 3) Å -> (n, 1) eV, in the model's own precision, as float64."""
    with torch.no_grad():
        return model(torch.tensor(positions, dtype=next(model.parameters()).dtype)).double().numpy()


def check_energies(kept, report: Report) -> None:
    """Check that equal weights give equal energies, for every molecule and both precisions."""
    weights = arrays(kept, "weights")
    for dtype, tolerance in ENERGY_TOLERANCE.items():
        model = network(kept, weights, dtype)
        for key in kept:
            if key.startswith("positions/"):
                name, x = key.removeprefix("positions/"), kept[key]
                expected = kept[f"energies/{dtype}/{name}"]
                rounding = np.finfo(dtype).eps * np.abs(expected).max()
                allowed = max(tolerance, ROUNDINGS * rounding)
                what = f"E/eV, {dtype}, {name}: {len(x)} x {x.shape[1]} atoms"
                report.compare(what, predict(model, x), expected, allowed)


def train(kept, model: GraphNetwork) -> list[float]:
    """Train by Adam on the given batches; returns the mean training loss of each epoch."""
    x, e = (torch.tensor(kept[f"train/{name}"]) for name in ("positions", "energies"))
    rate, beta_1, beta_2, epsilon = kept["adam"].tolist()
    optimiser = torch.optim.Adam(model.parameters(), lr=rate, betas=(beta_1, beta_2))
    losses, step = [], 0
    for indices, weights in zip(kept["batches/indices"], kept["batches/weights"], strict=True):
        total = 0.0
        for padded, weight in zip(indices, weights, strict=True):
            batch = padded[weight > 0]
            loss = (((model(x[batch])[:, 0] - e[batch]) / model.energy_std) ** 2).mean()
            optimiser.zero_grad()
            loss.backward()
            step += 1
            # Keras adds epsilon before the bias correction of the second moment, PyTorch after it.
            optimiser.param_groups[0]["eps"] = epsilon / math.sqrt(1.0 - beta_2**step)
            optimiser.step()
            total += loss.item() * len(batch)
        losses.append(total / len(x))
    return losses


def check_training(kept, report: Report) -> None:
    """Check that equal initial weights and batches give equal losses, final weights and errors."""
    model = network(kept, arrays(kept, "first"), "float64")
    losses = np.array(train(kept, model))
    report.compare(f"losses of {len(losses)} epochs", losses, kept["losses"], LOSS_TOLERANCE)
    found = [w.numpy().T for w in model.state_dict().values()]
    last, first = arrays(kept, "last"), arrays(kept, "first")
    report.compare(
        f"{sum(w.size for w in last)} weights after them",
        *(np.concatenate([w.ravel() for w in part]) for part in (found, last)),
        WEIGHT_TOLERANCE,
    )
    moved = max(np.abs(a - b).max() for a, b in zip(last, first, strict=True))
    print(f"      (moved by up to {moved:.2f} in all; loss {losses[0]:.2f} to {losses[-1]:.3f})")
    for part, expected in zip(("train", "test"), kept["rmse"], strict=True):
        errors = predict(model, kept[f"{part}/positions"])[:, 0] - kept[f"{part}/energies"]
        rmse = np.sqrt(np.mean(errors**2))
        what = f"RMSE/eV, {part}: DGL {rmse:.6f}, Keras {expected:.6f}"
        report.compare(what, rmse, expected, RMSE_TOLERANCE)


def main(path: str) -> int:
    # For such small matrices, several threads would mostly wait for each other.
    torch.set_num_threads(1)
    with np.load(path) as file:
        kept = dict(file)
    report = Report()
    check_energies(kept, report)
    check_training(kept, report)
    if report.failed:
        print(f"section 6's network in DGL is not the one in Keras: {report.failed} differences")
        return 1
    print("section 6's network in DGL and in Keras is the same model")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
