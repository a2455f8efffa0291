"""Rows whose stored results are not of today's code and settings: those that a change affects."""

import hashlib
import json
from collections.abc import Callable, Mapping

from reproduction.engine.experiment import Experiment

# Entry of provenance.json.
SETTINGS = "settings_sha256"


def settings_checksum(settings: Mapping) -> str:
    """SHA-256 of what a run's outcome depends on besides seed and code, see ``Experiment``."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def stale(
    experiments: Mapping[str, Experiment],
    about: Mapping[str, Mapping[str, Mapping]],
    code: Callable[[str], str],
) -> set[str]:
    """Ids of the experiments to run again.

    Rows that use a row's models go with it: with new models their results are others, and their
    runs need those of the other row, which are not stored.

    Args:
        experiments: all, by id.
        about: what provenance.json says.
        code: checksum of the code of a task.
    """
    found = {e.id for e in experiments.values() if not _is_of_today(e, about.get(e.id, {}), code)}
    makers = {e.models_of for e in experiments.values() if e.models_of and e.id in found}
    makers |= found
    return makers | {e.id for e in experiments.values() if e.models_of in makers}


def _is_of_today(experiment: Experiment, runs: Mapping, code: Callable[[str], str]) -> bool:
    for seed in experiment.seeds:
        run = runs.get(str(seed), {})
        settings = settings_checksum(experiment.of_seed(seed).settings())
        if run.get("code_sha256") != code(experiment.task) or run.get(SETTINGS) != settings:
            return False
    return True
