"""Section 3: the Behler-Parrinello model as the report ran it, with Amp.

:mod:`~amp_baseline.training` trains in a process of its own, :mod:`~amp_baseline.potential`
predicts.
"""

from amp_baseline.errors import AmpError

__all__ = ["AmpError"]
