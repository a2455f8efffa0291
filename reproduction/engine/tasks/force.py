"""Section 5: Eq. 6 to 9, forces learned directly."""

from keras_models.prediction import predict
from keras_models.rotations import random_turns, turned
from reproduction.engine.tasks.common import Job, fit_job, rmse


def run(job: Job) -> list:
    """Eq. 6 to 9 on forces, without or with rotated copies of the training part.

    Options: those of the builder, and ``copies``: the training part so many times over, each
    frame of each further copy turned at random (statistics are those of the first). The test
    part is also predicted with each frame turned at random, as split "rotated".
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
