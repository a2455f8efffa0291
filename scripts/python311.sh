# To be sourced: `stop`, and `found`, a Python 3.11 that can make virtual environments.
# PYTHON names the one to use where it is not found by itself.
stop() { echo "error: $*" >&2; exit 2; }

is_311() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1; }

find_python() {
    found=""
    for candidate in ${PYTHON:-python3.11 python3 python}; do
        if is_311 "$candidate"; then found=$candidate; break; fi
    done
    [ -n "$found" ] || stop "the pinned packages need Python 3.11, which ${PYTHON:-python3} is not;" \
        "install python3.11 or name one: make PYTHON=path/to/python3.11"
    "$found" -c 'import ensurepip, venv' 2>/dev/null ||
        stop "$found cannot make virtual environments; on Debian: apt-get install python3.11-venv"
}
