"""Exceptions of this package; the messages of most are shown to the user as they are."""


class ReproductionError(Exception):
    """A problem that the user can fix; the message says what it is."""


class Interrupted(Exception):
    """A run stopped on request; its checkpoint remains."""


class Diverged(ReproductionError):
    """Training failed because the loss is not finite."""
