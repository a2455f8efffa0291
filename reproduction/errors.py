"""Errors whose message is meant for the user as it stands."""


class ReproductionError(Exception):
    """Something that the user can put right; the message says what."""


class Interrupted(Exception):
    """A run was asked to stop; what it had is kept."""


class Diverged(ReproductionError):
    """A loss that is not finite."""
