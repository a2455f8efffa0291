#!/bin/sh
# Writes the lock beside each list of requirements but those of the optional checks: all packages
# that these bring along, exact, with the checksums of all files of the release, so also of wheels
# for other processors. What is locked stays; `make lock ARGS=--upgrade` takes newer versions of
# what no list pins.
set -eu
cd "$(dirname "$0")/.."
. scripts/python311.sh

tool=scripts/lock-requirements
[ -x .venv-lock/bin/uv ] && cmp -s $tool.lock .venv-lock/ready || {
    find_python
    "$found" -m venv --clear .venv-lock
    .venv-lock/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
        --requirement $tool.lock
    cp $tool.lock .venv-lock/ready
}
# What Amp itself depends on is in requirements.txt.
for list in $tool requirements amp_baseline/build-requirements amp_baseline/requirements \
        workflow/requirements; do
    [ -f $list.txt ] || continue
    deps=""
    [ $list != amp_baseline/requirements ] || deps=--no-deps
    .venv-lock/bin/uv pip compile --quiet --generate-hashes --no-config --no-emit-index-url \
        --no-emit-find-links --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
        --custom-compile-command "make lock" $deps "$@" $list.txt --output-file $list.lock
    echo "$list.lock: $(grep -c '^[A-Za-z0-9]' $list.lock) packages"
done
