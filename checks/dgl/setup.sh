#!/bin/sh
# Creates .venv-dgl from requirements.txt beside this script if it is missing or outdated.
set -eu
cd "$(dirname "$0")/../.."

requirements=checks/dgl/requirements.txt
wanted=$(sha256sum <$requirements | cut -d ' ' -f 1)
# Like .venv, it does not work after being moved.
if [ "$(cat .venv-dgl/ready 2>/dev/null)" = "$wanted" ] && .venv-dgl/bin/python -c '' 2>/dev/null; then
    exit 0
fi

. scripts/python311.sh
find_python

echo "setting up .venv-dgl (PyTorch's CPU build: a download of 200 MB) ..."
rm -f .venv-dgl/ready
"$found" -m venv --clear .venv-dgl
log=.venv-dgl/setup.log
install() {
    .venv-dgl/bin/python -m pip install --disable-pip-version-check \
        --requirement $requirements "$@" >>"$log" 2>&1
}
# PyPI has no CPU build of PyTorch, but a local folder of wheels in pip's configuration may.
if ! install && ! install --extra-index-url https://download.pytorch.org/whl/cpu; then
    tail -n 25 "$log" >&2
    stop "set-up failed; the full log is $log"
fi
echo "$wanted" >.venv-dgl/ready
