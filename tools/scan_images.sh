#!/bin/sh
# Look for known weaknesses in images: `sh tools/scan_images.sh IMAGE…`. It ends with 1 where one is high or critical and has a
# mended version. TRIVY_IMAGE names the scanner; pin it by digest.
set -eu
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
[ $# -ge 1 ] || { echo "usage: sh tools/scan_images.sh IMAGE…" >&2; exit 2; }
status=0
for image in "$@"; do
    docker run --rm --volume /var/run/docker.sock:/var/run/docker.sock:ro "${TRIVY_IMAGE:-aquasec/trivy:0.65.0}" \
        image --quiet --scanners vuln,secret --severity HIGH,CRITICAL --ignore-unfixed --exit-code 1 "$image" || status=1
done
exit "$status"
