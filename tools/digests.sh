#!/bin/sh
# Print the settings that pin the images of docker-compose.yml and Dockerfile by digest: `sh tools/digests.sh >>.env`.
# It pulls each image by its tag and asks the container engine for the digest. A setting that names an image replaces
# the tag.
set -eu
: "${PYTHON_IMAGE:=python:3.11-slim-bookworm}" "${NGINX_IMAGE:=nginx:1.28-alpine}"
: "${POSTGRES_IMAGE:=postgres:17-bookworm}" "${REDIS_IMAGE:=redis:7-alpine}"
for name in PYTHON NGINX POSTGRES REDIS; do
    eval "image=\$${name}_IMAGE"
    # shellcheck disable=SC2154 # eval assigns it
    docker pull --quiet "$image" >/dev/null
    digest=$(docker image inspect --format '{{index .RepoDigests 0}}' "$image")
    case $digest in
        *@sha256:*) printf '%s_IMAGE=%s@%s\n' "$name" "${image%@*}" "${digest#*@}" ;;
        *) echo "digests: the engine reports no digest of $image" >&2; exit 1 ;;
    esac
done
