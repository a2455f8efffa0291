"""Audit of the committed results (`make audit`), against stored predictions and new runs.

:mod:`~checks.audit.errors` and :mod:`~checks.audit.pages` only use committed files,
:mod:`~checks.audit.trajectory` generates the data again and :mod:`~checks.audit.rerun` runs the
cheap rows again. The criteria for agreement are in :mod:`~checks.audit.tolerances`.
"""
