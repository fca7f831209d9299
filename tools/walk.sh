#!/bin/sh
# Walk through the containers on an engine of its own: `sh tools/walk.sh [OPTION …]` (options of `make containers`).
#
# As root it installs what is missing of Docker, Compose, debootstrap and iptables from Debian packages, starts an engine
# with a folder, a socket and no bridge of its own, walks for at most WALK_SECONDS (default: 900), and ends the engine. The
# firewall is put back as it was. Where no engine can be started it says so in one line and ends with 0; where a step of
# the walk fails it ends with 1.
set -u
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.." || exit 2

skip() { echo "walk: not done: $*"; exit 0; }
[ "$(id -u)" = 0 ] || skip "only root can start a container engine"

# a package and the program that shows that it is there
missing=
for pair in docker.io:dockerd docker-compose:docker-compose debootstrap:debootstrap iptables:iptables \
    iproute2:ip procps:sysctl openssl:openssl git:git; do
    command -v "${pair#*:}" >/dev/null 2>&1 || missing="$missing ${pair%%:*}"
done
if [ -n "$missing" ]; then
    command -v apt-get >/dev/null 2>&1 || skip "these are not installed:$missing"
    # a package must not start an engine itself
    policy=/usr/sbin/policy-rc.d
    made=
    trap '[ -z "$made" ] || rm -f "$policy"' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && made=yes; }
    # shellcheck disable=SC2086
    (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing) >/dev/null 2>&1
    status=$?
    [ -z "$made" ] || rm -f "$policy"
    made=
    [ "$status" -eq 0 ] || skip "these cannot be installed:$missing"
fi

! ip link show docker0 >/dev/null 2>&1 || skip "another engine runs here; use it with: make containers"

folder=$(mktemp -d) || skip "there is no temporary folder"
engine=
walk=
forwarding=$(sysctl -n net.ipv4.ip_forward)
links() { ip -o link show | sed -n 's/^[0-9]*: \(br-[^:@]*\).*/\1/p'; }
bridges=$(links)
iptables-save >"$folder/firewall" 2>/dev/null || { rm -rf "$folder"; skip "the firewall cannot be read"; }

end() {
    trap '' HUP INT TERM
    if [ -n "$walk" ] && kill -TERM "$walk" 2>/dev/null; then
        wait "$walk"
    fi
    if [ -n "$engine" ]; then
        kill -TERM "$engine" 2>/dev/null
        wait "$engine"
        iptables-restore <"$folder/firewall"
        sysctl -q -w "net.ipv4.ip_forward=$forwarding"
        # what a walk leaves that was killed
        for link in $(links); do
            printf '%s\n' "$bridges" | grep -qx "$link" || ip link delete "$link"
        done
        while read -r _ mounted _; do
            case $mounted in "$folder"/*) umount -l "$mounted" ;; esac
        done </proc/mounts
    fi
    rm -rf "$folder"
}
trap end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

DOCKER_HOST=unix://$folder/docker.sock
# a client of another version may come first on PATH
: "${DOCKER:=$(command -v /usr/bin/docker || echo docker)}" "${COMPOSE:=docker-compose}"
export DOCKER_HOST DOCKER COMPOSE
# Builds use the network of the machine, and Compose makes its own bridges.
setsid dockerd --data-root "$folder/data" --exec-root "$folder/exec" --host "$DOCKER_HOST" --pidfile "$folder/docker.pid" \
    --bridge none >"$folder/log" 2>&1 &
engine=$!
waited=0
until "$DOCKER" version >/dev/null 2>&1; do
    if [ "$waited" -ge 30 ] || ! kill -0 "$engine" 2>/dev/null; then
        skip "the engine does not start: $(tail -n 1 "$folder/log")"
    fi
    sleep 1
    waited=$((waited + 1))
done

setsid timeout --kill-after=60 "${WALK_SECONDS:-900}" "${PYTHON:-python3}" -m tools.containers "$@" &
walk=$!
wait "$walk"
status=$?
walk=
case $status in
    0) ;;
    124 | 137) echo "walk: not done after ${WALK_SECONDS:-900} s" >&2 ;;
    *) echo "walk: a step failed; the end of the engine's log:" >&2; tail -n 5 "$folder/log" >&2 ;;
esac
[ "$status" -eq 0 ] || exit 1
