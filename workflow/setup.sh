#!/bin/sh
# Creates .venv-workflow from requirements.lock beside this script if it is missing or outdated.
set -eu
cd "$(dirname "$0")/.."

requirements=workflow/requirements.lock
wanted=$(sha256sum <$requirements | cut -d ' ' -f 1)
# Like .venv, it does not work after being moved.
if [ "$(cat .venv-workflow/ready 2>/dev/null)" = "$wanted" ] &&
   .venv-workflow/bin/python -c 'import snakemake_interface_common' 2>/dev/null; then
    exit 0
fi

. scripts/python311.sh
find_python

echo "setting up .venv-workflow (Snakemake) ..."
rm -f .venv-workflow/ready
"$found" -m venv --clear .venv-workflow
log=.venv-workflow/setup.log
if ! .venv-workflow/bin/python -m pip install --disable-pip-version-check \
        --require-hashes --requirement $requirements >"$log" 2>&1; then
    tail -n 25 "$log" >&2
    stop "set-up failed; the full log is $log"
fi
echo "$wanted" >.venv-workflow/ready
