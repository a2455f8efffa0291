"""What goes wrong with Amp, in words for its user."""


class AmpError(Exception):
    """Amp is not there, its process died, or its files are not what they should be."""
