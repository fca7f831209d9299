#!/bin/sh
# Install the requirements of the application or of its development into .venv: `sh tools/venv.sh runtime|dev`.
# A stamp that is named after the content of the requirements is written last. The file .venv/.installing marks an
# installation that is under way: when it is still there, the installation was interrupted and .venv is made again.
set -eu
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
case "${1:-}" in
    runtime) files="requirements.txt" ;;
    dev) files="requirements.txt requirements-dev.txt" ;;
    *) echo "usage: sh tools/venv.sh runtime|dev" >&2; exit 2 ;;
esac
cd "$(dirname "$0")/.."
python="${PYTHON:-python3}"

# Every long command runs in a session of its own, so that a signal ends it together with the processes it started.
# It runs in the background because a shell handles a signal only after its foreground command has ended.
busy=""
session=$(command -v setsid || true)
run() {
    busy=yes
    $session "$@" &
    wait $!
    busy=""
}
stop() {
    trap '' HUP INT TERM
    if [ -n "$busy" ] && [ -n "${!-}" ]; then
        # Before the new session exists, there is only the process. A signal between its fork and its exec is lost, so
        # the signal is sent again.
        for _ in 1 2 3; do
            kill -s TERM -- "-$!" 2>/dev/null || kill -s TERM "$!" 2>/dev/null || true
            sleep 0.1
        done
        wait "$!" 2>/dev/null || true
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            kill -s 0 -- "-$!" 2>/dev/null || break
            sleep 0.2
        done
        kill -s KILL -- "-$!" 2>/dev/null || true
    fi
    echo "Stopped. The next \`make\` starts this installation again." >&2
    exit "$1"
}
trap 'stop 129' HUP
trap 'stop 130' INT
trap 'stop 143' TERM

# The lock is on the open file, so it lasts until this script and the commands that it started have ended.
# Systems other than Linux may lack flock and setsid.
exec 9<Makefile
if command -v flock >/dev/null && ! flock -n 9; then
    echo "Another \`make\` is installing into .venv; waiting for it"
    run flock 9
fi

version_of() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}
key_of() {
    # the requirements do not name the interpreter, so its version is part of the key
    (echo "$version"; cat "$@") | sha256sum | cut -c1-16
}
has_stamp() {
    for stamp_file in .venv/.runtime-* .venv/.dev-*; do
        [ ! -e "$stamp_file" ] || return 0
    done
    return 1
}

version=$(version_of "$python") || {
    echo "make: $python does not run; install Python 3.11 or name one with PYTHON=python3.11" >&2; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "make: Python 3.11 or later is needed, $python is $version; name one with PYTHON=python3.11" >&2; exit 1; }
# shellcheck disable=SC2086 # a list of files
stamp=".venv/.$1-$(key_of $files)"
if [ -e "$stamp" ] && [ ! -e .venv/.installing ] && .venv/bin/python -c '' 2>/dev/null; then
    exit 0
fi
"$python" -c 'import venv, ensurepip' 2>/dev/null || {
    echo "make: $python has no venv module; install the package python3-venv" >&2; exit 1; }

# A complete environment of the same Python is updated; any other is made again.
installed=$(version_of .venv/bin/python || true)
if [ -e .venv/.installing ] || [ "$installed" != "$version" ] || ! has_stamp; then
    echo "Making .venv with Python $version"
    rm -rf .venv
    run "$python" -m venv .venv
fi
touch .venv/.installing
last=${files##* }
echo "Installing $last into .venv (the first time takes about a minute)"
# The pip of Debian 12 takes much longer than a newer one to choose among the files of the registry. Where there is no
# newer one, it does.
newer=$(sed -n 's/^\(pip==[^ ]*\).*/\1/p' requirements-dev.txt 2>/dev/null || true)
if [ -n "$newer" ]; then
    run .venv/bin/python -m pip install --quiet --disable-pip-version-check --retries 1 "$newer" 2>/dev/null || true
fi
# Tests import a part of the packages, and Python compiles that part. What serves may be unable to write.
compile=--compile
[ "$1" = runtime ] || [ -n "${PYTHONDONTWRITEBYTECODE:-}" ] || compile=--no-compile
run .venv/bin/python -m pip install --quiet --disable-pip-version-check "$compile" --requirement "$last"
# The stamps of other requirements no longer hold. requirements-dev.txt includes requirements.txt.
rm -f .venv/.runtime-* .venv/.dev-*
touch ".venv/.runtime-$(key_of requirements.txt)" "$stamp"
rm .venv/.installing
