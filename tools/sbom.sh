#!/bin/sh
# Write the packages of the images with their hashes as a CycloneDX document: `sh tools/sbom.sh FILE`.
# Only the Python packages; those of the base image are in the base image's own document.
set -eu
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
[ $# -eq 1 ] || { echo "usage: sh tools/sbom.sh FILE" >&2; exit 2; }
file=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check cyclonedx-bom==7.5.0
"$folder/venv/bin/cyclonedx-py" requirements --output-reproducible --output-format JSON --validate \
    --output-file "$folder/sbom.json" requirements-hashes.txt
mv "$folder/sbom.json" "$file"
echo "Wrote $file"
