"""Section 4: Eq. 2 to 5 trained on energies alone, and appendix B: what goes into them."""

from reproduction.engine.tasks.common import Job, fit_job


def run(job: Job) -> list:
    """Eq. 2 to 5 on energies alone.

    Options: those of the builder, with ``preprocessing`` by a name of
    :meth:`keras_models.features.Preprocessing.named`.
    """
    return fit_job(job)
