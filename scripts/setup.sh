#!/bin/sh
# Creates .venv from the locks if it is missing or outdated; `make` calls it first. Of each package
# only files with the locked checksums are installed.
set -eu
cd "$(dirname "$0")/.."

wanted=$(cat requirements.lock amp_baseline/*requirements.lock setup.py | sha256sum | cut -d ' ' -f 1)
amp_has_fortran() { ls .venv/lib/python3*/site-packages/amp/fmodules*.so >/dev/null 2>&1; }
# In a checkout that was moved or copied, the environment works, but imports the packages of the old
# location. -P excludes the current folder from the search path.
is_of_here() {
    env -u PYTHONPATH .venv/bin/python -P -c 'import data_gen, os, sys
sys.exit(not os.path.samefile(os.path.dirname(data_gen.__file__), "data_gen"))' 2>/dev/null
}
# Amp is built again if gfortran was installed since, but not if the last build had gfortran and
# failed all the same (second line of the file).
if [ "$(sed -n 1p .venv/ready 2>/dev/null)" = "$wanted" ] && is_of_here &&
   { amp_has_fortran || ! command -v gfortran >/dev/null || grep -q '^gfortran' .venv/ready; }; then
    exit 0
fi

. scripts/python311.sh
[ ! -L .venv ] || stop ".venv is a link: set-up would change the checkout that it belongs to"
find_python
"$found" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' ||
    stop "$found lacks its C headers, which asap3 needs to compile; on Debian: apt-get install python3.11-dev"
command -v g++ >/dev/null || stop "asap3 needs g++, which is not installed; on Debian: apt-get install g++"

# Amp is only useful with its Fortran module, as its Python code is very slow.
if ! command -v gfortran >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing gfortran for Amp (apt-get) ..."
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update && apt-get install -y --no-install-recommends gfortran; } >/dev/null 2>&1 || true
fi

echo "setting up .venv (asap3 and Amp compile for a minute or two) ..."
rm -f .venv/ready
# A working environment is updated; only a broken one is created again.
.venv/bin/python -m pip --version >/dev/null 2>&1 || "$found" -m venv --clear .venv
log=.venv/setup.log
install=".venv/bin/python -m pip install --disable-pip-version-check"
# First the wheels, then asap3, which is built with some of them: pip checks no checksums of what it
# would fetch for a build environment of its own.
install_locked() {
    awk '/^[A-Za-z0-9]/ { keep = !/^asap3==/ } keep' requirements.lock >.venv/wheels.lock &&
    $install --require-hashes --only-binary :all: --requirement .venv/wheels.lock &&
    $install --require-hashes --no-build-isolation --requirement requirements.lock
}
# Amp's build gets its old setuptools from a separate folder, so the newer one stays installed. pip's
# cache is not used, as a cached wheel may have been built without Fortran.
install_amp() {
    tools=.venv/amp-build-tools
    $install --require-hashes --only-binary :all: --upgrade --target "$tools" \
        --requirement amp_baseline/build-requirements.lock &&
    SETUPTOOLS_USE_DISTUTILS=stdlib PYTHONPATH="$PWD/$tools" $install --require-hashes \
        --no-deps --no-build-isolation --no-cache-dir --force-reinstall \
        --requirement amp_baseline/requirements.lock
}
if ! install_locked >"$log" 2>&1 || ! install_amp >>"$log" 2>&1 ||
   ! $install --no-deps --no-build-isolation --editable . >>"$log" 2>&1; then
    tail -n 25 "$log" >&2
    stop "set-up failed; the full log is $log"
fi
built_with=""
if command -v gfortran >/dev/null; then
    built_with="gfortran was here"
    amp_has_fortran || echo "Amp runs its slow Python code: its Fortran module did not build; $log" >&2
else
    echo "Amp runs its slow Python code: gfortran is not installed; as root on Debian:" \
        "apt-get install gfortran, then make setup" >&2
fi
printf '%s\n%s\n' "$wanted" "$built_with" >.venv/ready
