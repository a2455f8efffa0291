#!/bin/sh
# Makes .venv-peers-NAME for each requirements-NAME.txt beside this script, or sees that it is there.
# Names as arguments: only those.
set -eu
cd "$(dirname "$0")/../.."

. scripts/python311.sh
find_python

names=${*:-$(ls checks/peers/requirements-*.txt | sed 's/.*requirements-//; s/\.txt$//')}
for name in $names; do
    requirements=checks/peers/requirements-$name.txt
    venv=.venv-peers-$name
    wanted=$(sha256sum <"$requirements" | cut -d ' ' -f 1)
    # As for .venv: it does not survive being moved.
    if [ "$(cat "$venv/ready" 2>/dev/null)" = "$wanted" ] && "$venv/bin/python" -c '' 2>/dev/null; then
        continue
    fi
    echo "setting up $venv ..."
    rm -f "$venv/ready"
    "$found" -m venv --clear "$venv"
    log=$venv/setup.log
    # The pins are complete. What the packages ask for on top is CUDA, or older than what works.
    install() {
        "$venv/bin/python" -m pip install --disable-pip-version-check --no-deps \
            --requirement "$requirements" "$@" >>"$log" 2>&1
    }
    # PyPI has no CPU build of PyTorch, but a local folder of wheels that pip knows of may.
    if ! install && ! install --extra-index-url https://download.pytorch.org/whl/cpu; then
        tail -n 25 "$log" >&2
        stop "set-up failed; the whole story is in $log"
    fi
    echo "$wanted" >"$venv/ready"
done
