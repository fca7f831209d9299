#!/bin/sh
# `sh tools/hashes.sh` writes requirements-hashes.txt: the pins of requirements.txt with the SHA-256 of every file that the package registry
# has for them. The image is built from it (`pip install --require-hashes`). Run it after a change of requirements.txt.
set -eu
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check uv==0.13.9
"$folder/venv/bin/uv" pip compile --universal --quiet --no-cache --no-deps --generate-hashes --no-annotate --no-header \
    --python-version 3.11 --output-file "$folder/hashes" requirements.txt
{
    echo "# Made by tools/hashes.sh from requirements.txt. Do not edit."
    cat "$folder/hashes"
} >requirements-hashes.txt
