"""The exception for problems with Amp."""


class AmpError(Exception):
    """Amp is not installed, its process died, or one of its files is invalid."""
