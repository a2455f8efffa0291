#!/bin/sh
# Provides Chromium for the test of results/report.html; `make test` calls it. Chromium is installed
# if possible, as root on Debian; otherwise a message says that the test is skipped, or, for
# `scripts/browser.sh needed`, as .ci/run calls it, that there is none, which is an error.
set -u
for name in chromium chromium-browser google-chrome; do  # as in tests/test_page_browser.py
    command -v "$name" >/dev/null && exit 0
done
log=$(mktemp)
if [ "$(id -u)" = 0 ] && [ -f /etc/debian_version ] && command -v apt-get >/dev/null; then
    echo "installing Chromium, in which a test opens the report's page ..."
    export DEBIAN_FRONTEND=noninteractive
    # The package lists of a fresh machine may be empty or outdated.
    if { apt-get install -y --no-install-recommends chromium ||
         { apt-get update && apt-get install -y --no-install-recommends chromium; }; } >"$log" 2>&1
    then
        rm -f "$log"
        exit 0
    fi
    tail -n 3 "$log" >&2
fi
rm -f "$log"
skipped=": the browser test is skipped"
[ "${1:-}" != needed ] || skipped=""
echo "no Chromium$skipped; on Debian: apt-get install chromium" >&2
[ -n "$skipped" ]
