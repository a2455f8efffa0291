"""The one error that bad input data raises."""


class DataError(ValueError):
    """Data that cannot be used; the message says what is wrong and where."""
