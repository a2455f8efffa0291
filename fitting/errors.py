"""Exceptions of this package; their messages are shown to the user as they are."""


class FittingError(ValueError):
    """A problem that the user can solve; the message says in one sentence what to do."""


class TrainingFailed(RuntimeError):
    """A training failed for another reason than its data and settings."""
