#!/bin/sh
# Print the settings that pin the images of docker-compose.yml and Dockerfile by digest: `sh tools/digests.sh >>.env`.
# It pulls each image by its tag and asks the container engine for the digest. A setting that names an image replaces
# the tag. Images of the profiles are pinned when they are named: `sh tools/digests.sh PROMETHEUS ALERTMANAGER GRAFANA`.
set -eu
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
: "${PYTHON_IMAGE:=python:3.11-slim-bookworm}" "${NGINX_IMAGE:=nginx:1.28-alpine}"
: "${POSTGRES_IMAGE:=postgres:17-bookworm}" "${REDIS_IMAGE:=redis:7-alpine}"
: "${PROMETHEUS_IMAGE:=prom/prometheus:v2.55.1}" "${ALERTMANAGER_IMAGE:=prom/alertmanager:v0.27.0}"
: "${GRAFANA_IMAGE:=grafana/grafana-oss:11.3.0}" "${JAEGER_IMAGE:=jaegertracing/all-in-one:1.62.0}"
: "${ELASTICSEARCH_IMAGE:=docker.elastic.co/elasticsearch/elasticsearch:8.15.3}"
: "${FILEBEAT_IMAGE:=docker.elastic.co/beats/filebeat:8.15.3}" "${KIBANA_IMAGE:=docker.elastic.co/kibana/kibana:8.15.3}"
[ $# -gt 0 ] || set -- PYTHON NGINX POSTGRES REDIS
for name in "$@"; do
    eval "image=\$${name}_IMAGE"
    # shellcheck disable=SC2154 # eval assigns it
    docker pull --quiet "$image" >/dev/null
    digest=$(docker image inspect --format '{{index .RepoDigests 0}}' "$image")
    case $digest in
        *@sha256:*) printf '%s_IMAGE=%s@%s\n' "$name" "${image%@*}" "${digest#*@}" ;;
        *) echo "digests: the engine reports no digest of $image" >&2; exit 1 ;;
    esac
done
