#!/bin/sh
# The browser of the browser tests: Debian's Chromium. Installed where that can be done; else it is
# said what to do, and the browser tests fail until it is done.
set -eu

for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
    if [ -n "$name" ] && command -v "$name" > /dev/null; then
        exit 0
    fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "Installing Debian's chromium for the browser tests (apt-get install chromium)"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends chromium > /dev/null
    exit 0
fi
echo "The browser tests need Chromium, which this user cannot install here. On Debian or Ubuntu:" >&2
echo "    sudo apt-get install chromium" >&2
echo "Elsewhere set CHROMIUM to the path of a Chromium or Chrome. Everything else works without." >&2
