#!/bin/sh
# Upgrade the composed set-up without a failed request: `sh tools/upgrade.sh [--no-build]`.
#
# It builds the images, migrates (migrations only add, so the version that runs keeps working), registers new demo models,
# starts a new container of `web` beside each old one, waits until it is healthy, and ends the old ones. nginx finds the
# new ones by itself. Then it replaces the worker, whose jobs go on. nginx is replaced only when its image has changed:
# connections are then refused for about a second.
# COMPOSE is the command (default: docker compose; also docker-compose). ENGINE is the engine (default: docker).
set -eu
cd "$(dirname "$0")/.."
case ${1:-} in
    "") build=yes ;;
    --no-build) build=no ;;
    *) echo "usage: sh tools/upgrade.sh [--no-build]" >&2; exit 2 ;;
esac
# a command with its options
# shellcheck disable=SC2086
compose() { ${COMPOSE:-docker compose} "$@"; }
engine() { "${ENGINE:-docker}" "$@"; }

[ "$build" = no ] || compose build
compose run --rm --no-deps migrate
compose run --rm --no-deps setup

old=$(compose ps --quiet web)
n_old=$(printf '%s\n' "$old" | grep -c . || :)
[ "$n_old" -gt 0 ] || { echo "upgrade: no container of web runs; start with: docker compose up --detach" >&2; exit 1; }
compose up --detach --no-deps --no-recreate --scale "web=$((2 * n_old))" web
new=$(compose ps --quiet web | grep -Fvx "$old")
for container in $new; do
    waited=0
    while state=$(engine inspect --format '{{.State.Health.Status}}' "$container") && [ "$state" != healthy ]; do
        if [ "$waited" -ge "${WAIT_SECONDS:-180}" ] || [ "$state" = unhealthy ]; then
            engine logs --tail 20 "$container" >&2 || :
            # shellcheck disable=SC2086
            engine rm --force $new >/dev/null
            echo "upgrade: the new version is not healthy; the old one goes on" >&2
            exit 1
        fi
        sleep 1
        waited=$((waited + 1))
    done
done
# nginx asks for the addresses every two seconds
sleep 5
for container in $old; do
    engine stop --time 30 "$container" >/dev/null
    engine rm "$container" >/dev/null
done
compose up --detach --no-deps worker

runs=$(engine inspect --format '{{.Image}}' "$(compose ps --quiet nginx)")
built=$(engine image inspect --format '{{.Id}}' "$(engine inspect --format '{{.Config.Image}}' "$(compose ps --quiet nginx)")")
[ "$runs" = "$built" ] || compose up --detach --no-deps nginx
echo "upgrade: $n_old of $n_old containers of web replaced"
