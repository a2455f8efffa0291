"""Task "energy": Eq. 2 to 5 trained on energies alone (section 4, appendix B)."""

from reproduction.engine.tasks.common import Job, fit_job


def run(job: Job) -> list:
    """Train the experiment's model for each seed.

    Options: those of the model's builder, with ``preprocessing`` given by its name in
    :meth:`keras_models.features.Preprocessing.named`.
    """
    return fit_job(job)
