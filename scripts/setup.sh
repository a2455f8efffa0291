#!/bin/sh
# Makes .venv from requirements.txt, or sees that it is there; `make` calls it before everything.
set -eu
cd "$(dirname "$0")/.."

wanted=$(cat requirements.txt amp_baseline/*requirements.txt setup.py | sha256sum | cut -d ' ' -f 1)
amp_has_fortran() { ls .venv/lib/python3*/site-packages/amp/fmodules*.so >/dev/null 2>&1; }
# In a checkout that was moved or copied, the environment starts, but its packages are those of the
# old place: -P takes the current folder out of the search.
is_of_here() {
    .venv/bin/python -P -c 'import data_gen, os, sys
sys.exit(not os.path.samefile(os.path.dirname(data_gen.__file__), "data_gen"))' 2>/dev/null
}
# A gfortran that was installed since is a reason to build Amp again; one that Amp would not build
# with (second line of the file) is none.
if [ "$(sed -n 1p .venv/ready 2>/dev/null)" = "$wanted" ] && is_of_here &&
   { amp_has_fortran || ! command -v gfortran >/dev/null || grep -q '^gfortran' .venv/ready; }; then
    exit 0
fi

. scripts/python311.sh
find_python
"$found" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' ||
    stop "$found lacks its C headers, which asap3 compiles with; on Debian: apt-get install python3.11-dev"
command -v g++ >/dev/null || stop "asap3 compiles with g++, which is not here; on Debian: apt-get install g++"

# Amp is of use with its Fortran module alone: its Python is very slow.
if ! command -v gfortran >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing gfortran for Amp (apt-get) ..."
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update && apt-get install -y --no-install-recommends gfortran; } >/dev/null 2>&1 || true
fi

echo "setting up .venv (asap3 and Amp compile for about a minute and a half) ..."
rm -f .venv/ready
# What is there and works is brought up to date; only a broken environment is made anew.
.venv/bin/python -m pip --version >/dev/null 2>&1 || "$found" -m venv --clear .venv
log=.venv/setup.log
# Amp's build gets its old setuptools from a folder of its own; the newer one stays installed. No
# wheel from pip's cache: it may have been built without Fortran.
install_amp() {
    tools=.venv/amp-build-tools
    .venv/bin/python -m pip install --disable-pip-version-check --upgrade --target "$tools" \
        --requirement amp_baseline/build-requirements.txt &&
    SETUPTOOLS_USE_DISTUTILS=stdlib PYTHONPATH="$PWD/$tools" .venv/bin/python -m pip install \
        --disable-pip-version-check --no-deps --no-build-isolation --no-cache-dir \
        --force-reinstall --requirement amp_baseline/requirements.txt
}
# The constraint holds for build environments too, so that asap3 is built with pinned tools.
if ! PIP_CONSTRAINT=requirements.txt .venv/bin/python -m pip install \
        --disable-pip-version-check --requirement requirements.txt >"$log" 2>&1 ||
   ! install_amp >>"$log" 2>&1 ||
   ! .venv/bin/python -m pip install --disable-pip-version-check --no-deps \
        --no-build-isolation --editable . >>"$log" 2>&1; then
    tail -n 25 "$log" >&2
    stop "set-up failed; the whole story is in $log"
fi
built_with=""
if command -v gfortran >/dev/null; then
    built_with="gfortran was here"
    amp_has_fortran || echo "Amp runs its slow Python code: its Fortran module did not build; $log" >&2
else
    echo "Amp runs its slow Python code: no gfortran here; as root on Debian:" \
        "apt-get install gfortran, then make setup" >&2
fi
printf '%s\n%s\n' "$wanted" "$built_with" >.venv/ready
