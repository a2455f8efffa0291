"""The exception for bad input data."""


class DataError(ValueError):
    """Unusable data; the message says what is wrong and where."""
