"""Standard streams that can be written to, however the program was started."""

import contextlib
import os
import sys


def prepare_streams() -> None:
    """Make every message possible: called before the first one.

    A closed standard error (``2>&-``) becomes the null device. Its number would otherwise go to the
    next file that is opened, into which libraries would then write their messages. What the
    encoding of a stream lacks, such as Å in ASCII, is shown as a question mark.
    """
    try:
        os.fstat(2)
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        if null != 2:
            os.close(null)
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # Not all have the method, such as those that tests and notebooks put in their place.
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="replace")
