"""Task "graph": graph networks trained on energies (section 6)."""

from keras_models.prediction import predict
from keras_models.rotations import random_turns, turned
from reproduction.engine.tasks.common import Job, fit_job, rmse


def run(job: Job) -> list:
    """Train Eq. 10 and 11, or the network on distances, on energies alone for each seed.

    The test part is also predicted with each frame rotated at random about its centroid, as split
    "rotated".
    """
    results = fit_job(job)
    x = job.test.positions
    centre = x.mean(axis=1, keepdims=True)
    rotated = turned(x - centre, random_turns(len(x), seed=0)) + centre
    for result in results:
        if not isinstance(result, Exception):
            off = predict(result.model, rotated)[:, 0] - job.test.energies
            result.metrics["rotated", "energy_rmse"] = rmse(off)
    return results
