"""Task "gradient": energy models whose gradient is trained on forces (not in the report)."""

from reproduction.engine.tasks.common import Job, fit_job


def run(job: Job) -> list:
    """Train Eq. 2 to 5 or the distance network on energies and forces, for each seed."""
    return fit_job(job)
