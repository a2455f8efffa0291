"""Exceptions of this package; their messages are shown to the user as they are."""


class FittingError(ValueError):
    """A problem that the user can solve; the message says in one sentence what to do."""


class TrainingFailed(RuntimeError):
    """A training failed for another reason than its data and settings.

    Args:
        why: the reason.
        advice: on what to do about a training, which follows it in the message.

    Attributes:
        why: the reason alone.
    """

    def __init__(self, why: str, advice: str = "") -> None:
        super().__init__(why + advice)
        self.why = why
