"""Eq. 1 trained by the project's own second-order method, on fingerprints computed beforehand."""

from collections.abc import Callable

import numpy as np

from keras_models.fit import behler_parts
from reproduction.engine.tasks.common import Job, fit_job, fit_settings

Features = tuple[np.ndarray, ...]


class LastFeatures:
    """The features of the last job: those of the next seed of the same data are the same."""

    def __init__(self) -> None:
        self._key: tuple | None = None
        self._features: Features = ()

    def get(self, key: tuple, make: Callable[[], Features]) -> Features:
        """Those of a key, made anew where the last ones were of another."""
        if key != self._key:
            self._key, self._features = None, ()  # not two sets at a time: they are large
            self._features, self._key = make(), key
        return self._features


# A worker process does one job after the other.
LAST = LastFeatures()


def run(job: Job, last: LastFeatures = LAST) -> list:
    """Options: those of :func:`keras_models.behler.behler`, and the name of a set of functions."""
    return fit_job(job, fit_settings(job.experiment, "behler"), features_of(job, last))


def features_of(job: Job, last: LastFeatures) -> Features:
    """Of training and test part."""
    e = job.experiment
    settings = fit_settings(e, "behler")
    forces = settings.loss_weights[1] > 0.0
    key = (job.data_sha256, e.frames, e.split, e.partition, forces, settings.options["functions"])

    def make() -> Features:
        job.report(0.0, "fingerprints")
        return behler_parts(job.train, job.test, settings)

    return last.get(key, make)
