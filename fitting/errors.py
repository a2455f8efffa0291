"""The exception of this package; its message is shown to the user as it is."""


class FittingError(ValueError):
    """A problem that the user can solve; the message says in one sentence what to do."""
