#!/bin/sh
# Start nginx for the host names of HOST_NAME (separated by commas). Arguments are passed to nginx.
#
# nginx has no setting that keeps query strings and referrers out of its error log, so its log passes through a filter.
# This script stays the parent of both: it passes signals on to nginx, and ends after the filter has written the last
# line. If the filter ends first, nginx is stopped as well.
set -euf
run=/run/nginx
mkdir -p "$run"

# Health checks use the names of the machine for itself.
names="localhost 127.0.0.1"
for name in $(printf %s "${HOST_NAME:-}" | tr 'A-Z,' 'a-z '); do
    case $name in
        *[!a-z0-9._-]*) echo "nginx cannot start: HOST_NAME contains \"$name\", which is not a host name" >&2; exit 2 ;;
    esac
    case " $names " in
        *" $name "*) ;;
        *) names="$names $name" ;;
    esac
done
printf 'server_name %s [::1];\n' "$names" >"$run/hosts.conf"

log=$run/error.fifo
rm -f "$log"
mkfifo -m 600 "$log"
# The referrer is the last part of a line. An address contains no space, but it can contain quotation marks.
# mawk needs "interactive" to write each line at once; other implementations ignore it, some with a warning.
(
    awk -W interactive '{
        sub(/, referrer: ".*/, "")
        gsub(/\?[^ ]*", /, "\", ")
        gsub(/\?[^ ]*/, "")
        print
        fflush()
    }' <"$log" >&2 2>/dev/null || :
    kill -TERM $$ 2>/dev/null
) &
filter=$!
nginx -e stderr -g 'daemon off;' "$@" 2>"$log" &
nginx=$!
for signal in HUP INT QUIT TERM USR1; do
    # shellcheck disable=SC2064 # both values are known now
    trap "kill -$signal $nginx 2>/dev/null || :" "$signal"
done

# A signal interrupts `wait`, so it is repeated while the process exists. It may have ended during the interruption: then
# the shell still has its status, otherwise the last `wait` returns 127 or the same status again.
wait_for() {
    status=0
    wait "$1" || status=$?
    while kill -0 "$1" 2>/dev/null; do
        status=0
        wait "$1" || status=$?
    done
    code=0
    wait "$1" || code=$?
    [ "$code" -eq 127 ] || status=$code
}
wait_for "$nginx"
result=$status
trap '' HUP INT QUIT TERM USR1
wait_for "$filter"
exit "$result"
