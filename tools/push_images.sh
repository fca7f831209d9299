#!/bin/sh
# Send images that were built and scanned to a registry: `sh tools/push_images.sh LOCAL NAME TAG`. LOCAL:TAG becomes NAME:TAG,
# LOCAL-setup:TAG becomes NAME-setup:TAG, and LOCAL-front:TAG becomes NAME-front:TAG. The file images.env gets name, application_digest,
# setup_digest and front_digest.
set -eu
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
[ $# -eq 3 ] || { echo "usage: sh tools/push_images.sh LOCAL NAME TAG" >&2; exit 2; }
local=$1 tag=$3
# names of images have no capitals
name=$(printf %s "$2" | tr '[:upper:]' '[:lower:]')
cd "$(dirname "$0")/.."
# What the registry computed, because only its digest names the image there.
send() {
    docker tag "$local$1:$tag" "$name$1:$tag"
    docker push --quiet "$name$1:$tag" >/dev/null
    found=$(docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$name$1:$tag" | grep "^$name$1@sha256:") \
        || { echo "push_images: the engine reports no digest of $name$1:$tag" >&2; exit 1; }
    printf %s "${found#*@}"
}
application=$(send "")
setup=$(send -setup)
front=$(send -front)
printf 'name=%s\napplication_digest=%s\nsetup_digest=%s\nfront_digest=%s\n' \
    "$name" "$application" "$setup" "$front" >images.env
cat images.env
