#!/bin/sh
# Make .venv hold exactly what a requirements file says: `sh tools/venv.sh runtime|dev`.
# A stamp named after the file's content is written last. An interrupted installation leaves the mark
# .installing behind and is begun anew, never taken for done.
set -eu
case "${1:-}" in
    runtime) files="requirements.txt" ;;
    dev) files="requirements.txt requirements-dev.txt" ;;
    *) echo "usage: sh tools/venv.sh runtime|dev" >&2; exit 2 ;;
esac
cd "$(dirname "$0")/.."
python="${PYTHON:-python3}"

# two makes at once take turns; the lock ends with this script
if command -v flock >/dev/null 2>&1; then
    exec 9<Makefile
    flock 9
fi

# no file above names the interpreter, so its version is part of the stamp
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || {
    echo "make: $python does not run; install Python 3.11 or name one with PYTHON=python3.11" >&2; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "make: Python 3.11 or later is needed, $python is $version; name one with PYTHON=python3.11" >&2; exit 1; }
key=$( (echo "$version"; cat $files) | sha256sum | cut -c1-16)
stamp=".venv/.$1-$key"
if [ -e "$stamp" ] && [ ! -e .venv/.installing ] && .venv/bin/python -c '' 2>/dev/null; then
    exit 0
fi
"$python" -c 'import venv, ensurepip' 2>/dev/null || {
    echo "make: $python has no venv module; install the package python3-venv" >&2; exit 1; }

# a virtual environment that is whole is brought up to date; anything else is made anew
installed=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true)
if [ -e .venv/.installing ] || [ "$installed" != "$version" ] || ! ls .venv/.runtime-* .venv/.dev-* >/dev/null 2>&1; then
    echo "Making .venv with Python $version"
    rm -rf .venv
    "$python" -m venv .venv
fi
touch .venv/.installing
last=${files##* }
echo "Installing $last into .venv (the first time takes about a minute)"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement "$last"
# what was installed for other requirements is no longer known to be there, except that dev includes runtime
if [ "$1" = dev ]; then
    runtime=$( (echo "$version"; cat requirements.txt) | sha256sum | cut -c1-16)
    rm -f .venv/.runtime-* .venv/.dev-*
    touch ".venv/.runtime-$runtime"
elif ! ls ".venv/.runtime-$key" >/dev/null 2>&1; then
    rm -f .venv/.runtime-* .venv/.dev-*
fi
touch "$stamp"
rm .venv/.installing
