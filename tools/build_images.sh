#!/bin/sh
# Build the images of a release: `sh tools/build_images.sh NAME TAG`. They are NAME:TAG, NAME-setup:TAG and NAME-front:TAG.
set -eu
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
[ $# -eq 2 ] || { echo "usage: sh tools/build_images.sh NAME TAG" >&2; exit 2; }
cd "$(dirname "$0")/.."
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
revision=$(git rev-parse HEAD 2>/dev/null) || revision=unknown
build() {
    docker build --build-arg "VERSION=$version" --build-arg "REVISION=$revision" "$@" .
}
build --pull --tag "$1:$2"
build --target setup --tag "$1-setup:$2"
build --target front --tag "$1-front:$2"
