"""`make audit`: are the committed numbers what the committed predictions, and this machine, give?

:mod:`~checks.audit.errors` and :mod:`~checks.audit.pages` need nothing but what is committed,
:mod:`~checks.audit.trajectory` makes the data anew and :mod:`~checks.audit.rerun` the cheap rows,
which :mod:`~checks.audit.comparison` judges. What counts as agreement is in
:mod:`~checks.audit.tolerances`.
"""
