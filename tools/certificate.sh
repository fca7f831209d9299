#!/bin/sh
# Make a self-signed certificate when there is none: `sh tools/certificate.sh FOLDER [NAME …]`.
# Existing files FOLDER/fullchain.pem and FOLDER/privkey.pem are kept. Each NAME is a host name or an IP address
# (default: localhost 127.0.0.1).
set -eu
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
[ $# -ge 1 ] || { echo "usage: sh tools/certificate.sh FOLDER [NAME …]" >&2; exit 2; }
folder=$1
shift
[ $# -gt 0 ] || set -- localhost 127.0.0.1
if [ -s "$folder/fullchain.pem" ] && [ -s "$folder/privkey.pem" ]; then
    exit 0
fi
# one file without the other is an error of the operator, so it is not overwritten
for name in fullchain.pem privkey.pem; do
    [ ! -e "$folder/$name" ] || { echo "certificate: $folder holds $name alone; add its other half or remove it" >&2; exit 1; }
done
command -v openssl >/dev/null || { echo "certificate: openssl is not installed; get it with apt-get install openssl" >&2; exit 1; }

names=""
for name in "$@"; do
    case $name in
        *[!0-9.]*) kind=DNS ;;
        *) kind=IP ;;
    esac
    case $name in *:*) kind=IP ;; esac
    names="$names${names:+,}$kind:$name"
done
# the common name has 64 characters at most; clients read the other names
subject="/CN=$1"
[ ${#1} -le 64 ] || subject=/O=EcoPredict
mkdir -p "$folder"
draft=$(mktemp -d "$folder/.making-XXXXXX")
trap 'rm -rf "$draft"' EXIT
umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 397 -subj "$subject" \
    -addext "subjectAltName=$names" -addext "extendedKeyUsage=serverAuth" \
    -keyout "$draft/privkey.pem" -out "$draft/fullchain.pem" 2>"$draft/log" || { cat "$draft/log" >&2; exit 1; }
chmod 0644 "$draft/fullchain.pem"
mv "$draft/privkey.pem" "$draft/fullchain.pem" "$folder/"
echo "Made a self-signed certificate for $* in $folder"
