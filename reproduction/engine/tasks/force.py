"""Task "force": Eq. 6 to 9, which learn forces directly (section 5)."""

from keras_models.prediction import predict
from keras_models.rotations import random_turns, turned
from reproduction.engine.tasks.common import Job, fit_job, rmse


def run(job: Job) -> list:
    """Train on forces for each seed, with or without rotated copies of the training part.

    The test part is also predicted with each frame rotated at random, as split "rotated".

    Options: those of the model's builder, and ``copies``, how many times the training part is
    used: unchanged, then with each frame rotated at random (statistics for scaling are those of
    the unchanged part).
    """
    results = fit_job(job)
    turns = random_turns(len(job.test), seed=0)
    for result in results:
        if isinstance(result, Exception):
            continue
        off = predict(result.model, turned(job.test.positions, turns))
        off = off - turned(job.test.forces, turns)
        result.metrics["rotated", "force_rmse"] = rmse(off)
        net = result.predictions["force"][1].sum(axis=1)
        result.metrics["test", "net_force_rms"] = rmse(net)
    return results
