"""Past the report: energy models trained so that their gradient gives the forces."""

from reproduction.engine.tasks.common import Job, fit_job


def run(job: Job) -> list:
    """Eq. 2 to 5 and the distance network on energies and forces, by Adam or quasi-Newton."""
    return fit_job(job)
