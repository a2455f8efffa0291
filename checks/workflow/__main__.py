"""python -m checks.workflow [ends] [kills] [overhead] [busy]: all, or some; changes no results."""

import argparse
import shutil
import sys

from checks.workflow import busy, ends, kills, overhead
from checks.workflow.common import FOLDER

CHECKS = {
    "ends": ends.check,
    "kills": kills.check,
    "overhead": overhead.check,
    "busy": busy.check,
}


def main() -> int:
    """Run the checks; the exit status is 1 if one of them fails."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("checks", nargs="*", metavar="CHECK", help=f"of {', '.join(CHECKS)}")
    chosen = p.parse_args().checks or list(CHECKS)
    if unknown := set(chosen) - set(CHECKS):
        p.error(f"no check {', '.join(sorted(unknown))}; there is {', '.join(CHECKS)}")
    status = 0
    for name in chosen:
        folder = FOLDER / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        status |= not CHECKS[name](folder)
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
