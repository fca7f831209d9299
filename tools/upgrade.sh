#!/bin/sh
# Upgrade the composed set-up without a failed request: `sh tools/upgrade.sh [--no-build]`.
#
# It builds the images, migrates (migrations only add, so the version that runs keeps working), registers new demo models,
# and copies the static files and the configuration of nginx (service `front`, which checks it first). The static files
# come first: pages of the new version name them by their content, and browsers keep them. Then it starts a new container
# of `web` beside each old one, waits until it is healthy, lets nginx read its configuration, and ends the old ones. nginx
# finds the new ones by itself. Then it replaces the worker, whose jobs go on. The container of nginx stays, unless
# NGINX_IMAGE or its settings have changed: connections are then refused for about a second.
# COMPOSE is the command (default: docker compose; also docker-compose). ENGINE is the engine (default: docker).
set -eu
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
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

old=$(compose ps --quiet web)
n_old=$(printf '%s\n' "$old" | grep -c . || :)
[ "$n_old" -gt 0 ] || { echo "upgrade: no container of web runs; start with: docker compose up --detach" >&2; exit 1; }
# also those that have ended
known=$(compose ps --all --quiet web)
# the ended container that copied the files of the version that runs; versions before had none
front=$(compose ps --all --quiet front)

[ "$build" = no ] || compose build
compose run --rm --no-deps migrate
compose run --rm --no-deps setup
compose run --rm --no-deps front

# give_up REASON: the old containers go on, and no new one stays, which a later upgrade would take for an old one
give_up() {
    trap '' HUP INT TERM
    new=$(compose ps --all --quiet web | grep -Fvx "$known" || :)
    # shellcheck disable=SC2086
    [ -z "$new" ] || engine rm --force $new >/dev/null
    [ -z "$front" ] || engine start --attach "$front" >/dev/null
    echo "upgrade: $1; the old one goes on" >&2
    exit 1
}
trap 'give_up "the upgrade was stopped"' HUP INT TERM
compose up --detach --no-deps --no-recreate --scale "web=$((2 * n_old))" web || give_up "the new version does not start"
new=$(compose ps --quiet web | grep -Fvx "$old") || give_up "the new version does not start"
for container in $new; do
    waited=0
    # an engine that does not answer says nothing of health
    while state=$(engine inspect --format '{{.State.Health.Status}}' "$container") || state=unknown; [ "$state" != healthy ]; do
        if [ "$waited" -ge "${WAIT_SECONDS:-180}" ] || [ "$state" = unhealthy ]; then
            engine logs --tail 20 "$container" >&2 || :
            give_up "the new version is not healthy"
        fi
        sleep 1
        waited=$((waited + 1))
    done
done
# from here on the new containers answer
trap - HUP INT TERM
compose exec -T nginx nginx -s reload
# nginx asks for the addresses every two seconds
sleep 5
for container in $old; do
    engine stop --time 30 "$container" >/dev/null
    engine rm "$container" >/dev/null
done
compose up --detach --no-deps worker
# each does nothing where nothing has changed
compose up --detach --no-deps front
compose up --detach --no-deps nginx
echo "upgrade: $n_old of $n_old containers of web replaced"
