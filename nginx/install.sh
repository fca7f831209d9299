#!/bin/sh
# Copy the configuration of nginx and the static files: `sh install.sh FROM TO` (with Compose: / and the volumes of nginx).
#
# A file is replaced in one step, so nginx never serves half of one. Files that FROM does not have are removed from TO.
# The folder tls is left alone: the certificate is mounted there.
set -eu
[ $# -eq 2 ] || { echo "usage: sh install.sh FROM TO" >&2; exit 2; }
for part in etc/nginx srv; do
    from=${1%/}/$part
    to=${2%/}/$part
    mkdir -p "$to"
    [ "$part" = srv ] || mkdir -p "$to/tls"
    (cd "$from" && find . -path ./tls -prune -o -type d -print) | while IFS= read -r name; do
        mkdir -p "$to/$name"
    done
    (cd "$from" && find . -path ./tls -prune -o -type f -print) | while IFS= read -r name; do
        cp -p "$from/$name" "$to/$name.draft"
        mv "$to/$name.draft" "$to/$name"
    done
    (cd "$to" && find . -path ./tls -prune -o -type f -print) | while IFS= read -r name; do
        [ -e "$from/$name" ] || rm "$to/$name"
    done
done
