"""Completion of run.json from version 0.1.0, which did not record default settings.

These defaults are those of that version's code and never change. They let its runs be recognised
as valid instead of being repeated.
"""

import json

# Defaults of 0.1.0 by task, and by task and model.
_OPTIONS = {
    "energy": {"preprocessing": "standardised", "form": "fast"},
    "force": {"vectors": "inverse_square", "c2": "none", "copies": 1, "form": "fast"},
    "behler": {"functions": "default", "output_activation": "tanh"},
    ("graph", "graph_network"): {"centre": True},
    ("graph", "distance_graph_network"): {"steps": 2},
    **{("gradient", f"eq{k}"): {"form": "fast"} for k in (2, 3, 4, 5)},
    ("gradient", "distance_graph_network"): {"steps": 2},
}
_ACTIVATION = {
    "energy": "relu",
    "force": "relu",
    "graph": "relu",
    "gradient": "swish2",
    "behler": "tanh",
}
_WIDTHS = {
    "eq2": ((20, 50, 1), (1, 50, 20)),
    "eq3": ((20, 50, 1), (1, 50, 20)),
    "eq4": ((10, 50, 1), (10, 50, 10), (3, 50, 10)),
    "eq5": ((20, 50, 1), (20, 50, 20), (1, 50, 20)),
    "eq6": ((20, 3), (20, 20), (20, 20)),
    "eq7": ((20, 3), (20, 20), (20, 20)),
    "eq7_as_printed": ((20, 3), (20, 20), (20, 20)),
    "eq8": ((50, 3), (50, 20), (50, 20)),
    "eq9": ((50, 3), (50, 20, 20), (50, 20, 20)),
    "graph_network": ((6, 12, 1), (24, 6), (6, 12)),
    "distance_graph_network": ((20, 50, 1), (20, 50, 20), (1, 50, 20)),
}
_AU6 = {
    "structure": "au6-octahedron",
    "temperature_K": 300.0,
    "timestep_fs": 1.0,
    "steps": 125_000,
    "stride": 50,
    "seed": 0,
    "remove_rotation": False,
    "max_drift_eV": 0.01,
    "max_distance_A": 12.0,
    "max_displacement_A": None,
}
_DYNAMICS = {
    "au6": {},
    "pt8au2": {"structure": "pt8au2-slab", "steps": 1_250_000, "max_displacement_A": 1.385},
    "pt8au2-hot": {"structure": "pt8au2-slab-high", "max_distance_A": 100.0},
}
_QUICK_STEPS = 25_000
# Version 0.1.0 used one name for different quantities.
_METRICS = {("amp", "epochs"): "loss_evaluations"} | {
    (task, "train_seconds"): "analysis_seconds"
    for task in ("nve", "minima", "vibrations", "uncertainty", "learned", "neighbours")
}


def completed(run: dict) -> dict:
    """run.json in today's form, with the settings that version 0.1.0 did not record.

    Args:
        run: as read; returned unchanged if it is of a later version.
    """
    old = run.get("settings", {})
    if not isinstance(old, dict):
        return run
    training = old.get("training") or {}
    if "energy_rise" in training and not {"solve_last_layer", "stages"} <= set(training):
        # Before there was such a thing.
        training = {"solve_last_layer": False, "stages": [], **training}
        return {**run, "settings": {**old, "training": training}}
    if "dataset" not in old:
        return run
    task, model = old["task"], old["model"]
    options = {**_OPTIONS.get(task, {}), **_OPTIONS.get((task, model), {}), **old["options"]}
    models_of = options.pop("of", "")
    trains = task in _ACTIVATION
    widths = _WIDTHS.get(model) if trains else None
    widths = options.pop("hidden_layers", options.pop("widths", widths))
    settings = {
        "task": task,
        "model": model,
        "widths": widths,
        "activation": _ACTIVATION.get(task),
        "options": options,
        "training": old["training"],
        "loss_weights": old.get("loss_weights", "standardised"),
        "models_of": models_of,
        "data": {"name": old["dataset"], **_dynamics(old["dataset"], run.get("quick", False))},
        "frames": old.get("frames"),
        "split": old["split"],
        "partition": old.get("part", {"kind": "time"}),
        "lanes": old["lanes"],
    }
    metrics = [
        {**m, "metric": _METRICS.get((task, m["metric"]), m["metric"])} for m in run["metrics"]
    ]
    metrics = [
        {**m, "metric": "iterations"} if _is_iterations(old["training"], m["metric"]) else m
        for m in metrics
    ]
    return {**run, "settings": json.loads(json.dumps(settings)), "metrics": metrics}


def _is_iterations(training: dict | None, metric: str) -> bool:
    """Whether "epochs" is the old name of the second-order method's iterations."""
    return metric == "epochs" and "stages" in (training or {})


def _dynamics(name: str, quick: bool) -> dict:
    steps = {"steps": _QUICK_STEPS} if quick else {}
    return {**_AU6, **_DYNAMICS[name], **steps}
