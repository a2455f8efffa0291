"""Training of Behler-Parrinello models with Amp, as in section 3 of the report.

:mod:`~amp_baseline.training` trains in a separate process, :mod:`~amp_baseline.potential`
predicts.
"""

from amp_baseline.errors import AmpError

__all__ = ["AmpError"]
