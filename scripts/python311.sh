# To be sourced: defines `stop`, and `find_python`, which sets `found` to a Python 3.11 that can
# create virtual environments. PYTHON gives its path if it is not found automatically.
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
        stop "$found cannot create virtual environments; on Debian: apt-get install python3.11-venv"
}
