"""The exception for problems with Amp."""


class AmpError(Exception):
    """Amp is missing, its process died, or a file or data do not fit: the message says which."""
