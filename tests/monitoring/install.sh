#!/bin/sh
# Prometheus and promtool for the tests of alerts: Debian's, unpacked into the environment that is
# named, so that no service of the machine begins. Where that cannot be done it is said what to do,
# and those tests fail until it is done.
set -eu

into=${1:-.venv/bin}
if [ -x "${PROMTOOL:-}" ] && [ -x "${PROMETHEUS:-}" ]; then
    exit 0
fi
if command -v promtool > /dev/null && command -v prometheus > /dev/null; then
    exit 0
fi
if [ -x "$into/promtool" ] && [ -x "$into/prometheus" ]; then
    exit 0
fi
if command -v apt-get > /dev/null && command -v dpkg-deb > /dev/null; then
    echo "Fetching Debian's prometheus for the tests of alerts (apt-get download prometheus)"
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    chmod 755 "$folder"
    if [ "$(id -u)" = 0 ]; then
        apt-get update -qq
    fi
    if (cd "$folder" && apt-get download -qq -o APT::Sandbox::User=root prometheus && dpkg-deb -x prometheus_*.deb .); then
        cp "$folder/usr/bin/prometheus" "$folder/usr/bin/promtool" "$into"
        exit 0
    fi
fi
echo "The tests of alerts need Prometheus, which cannot be fetched here. Take version 2.42 or newer" >&2
echo "from your system or from Prometheus itself, and set PROMTOOL and PROMETHEUS to the paths of the" >&2
echo "two programs, or put them on PATH. Everything else works without." >&2
