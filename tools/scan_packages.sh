#!/bin/sh
# Look for known weaknesses in the packages of the application: `sh tools/scan_packages.sh`. It asks the advisory database of the
# package index.
set -eu
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1
"$folder/venv/bin/pip-audit" --strict --require-hashes --disable-pip --requirement requirements-hashes.txt
