#!/bin/sh
# Makes .venv from requirements.txt, or sees that it is there; `make` calls it before everything.
set -eu
cd "$(dirname "$0")/.."

wanted=$(cat requirements.txt setup.py | sha256sum | cut -d ' ' -f 1)
# A virtual environment does not survive being moved: its Python must still start.
if [ "$(cat .venv/ready 2>/dev/null)" = "$wanted" ] && .venv/bin/python -c '' 2>/dev/null; then
    exit 0
fi

. scripts/python311.sh
find_python
"$found" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' ||
    stop "$found lacks its C headers, which asap3 compiles with; on Debian: apt-get install python3.11-dev"
command -v g++ >/dev/null || stop "asap3 compiles with g++, which is not here; on Debian: apt-get install g++"

echo "setting up .venv (asap3 compiles for about a minute) ..."
rm -f .venv/ready
# What is there and works is brought up to date; only a broken environment is made anew.
.venv/bin/python -m pip --version >/dev/null 2>&1 || "$found" -m venv --clear .venv
log=.venv/setup.log
# The constraint holds for build environments too, so that asap3 is built with pinned tools.
if ! PIP_CONSTRAINT=requirements.txt .venv/bin/python -m pip install \
        --disable-pip-version-check --requirement requirements.txt >"$log" 2>&1 ||
   ! .venv/bin/python -m pip install --disable-pip-version-check --no-deps \
        --no-build-isolation --editable . >>"$log" 2>&1; then
    tail -n 25 "$log" >&2
    stop "set-up failed; the whole story is in $log"
fi
echo "$wanted" >.venv/ready
