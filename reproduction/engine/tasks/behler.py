"""Task "behler": Eq. 1 trained in Keras by a second-order method, on precomputed fingerprints."""

from collections.abc import Callable

import numpy as np

from keras_models.fit import behler_parts
from reproduction.engine.tasks.common import Job, fit_job, fit_settings

Features = tuple[np.ndarray, ...]


class LastFeatures:
    """Cache for the features of the last job, which all seeds on the same data share."""

    def __init__(self) -> None:
        self._key: tuple | None = None
        self._features: Features = ()

    def get(self, key: tuple, make: Callable[[], Features]) -> Features:
        """The features for a key, computed with ``make`` unless they are the cached ones."""
        if key != self._key:
            self._key, self._features = None, ()  # never two sets in memory: they are large
            self._features, self._key = make(), key
        return self._features


# Shared by all jobs of a worker process, which does them one after the other.
LAST = LastFeatures()


def run(job: Job, last: LastFeatures = LAST) -> list:
    """Train a Behler-Parrinello model for each seed.

    Options: those of :func:`keras_models.behler.behler`, and ``functions``, the name of a set of
    symmetry functions.
    """
    return fit_job(job, fit_settings(job.experiment, "behler"), features_of(job, last))


def features_of(job: Job, last: LastFeatures) -> Features:
    """Fingerprints of training and test part, from the cache if possible."""
    e = job.experiment
    settings = fit_settings(e, "behler")
    forces = settings.loss_weights[1] > 0.0
    key = (job.data_sha256, e.frames, e.split, e.partition, forces, settings.options["functions"])

    def make() -> Features:
        job.report(0.0, "fingerprints")
        return behler_parts(job.train, job.test, settings)

    return last.get(key, make)
