"""Evaluate a trained model on a file of your own: no part of the report. See --help."""

import sys

from fitting import commands

if __name__ == "__main__":
    sys.exit(commands.evaluate())
