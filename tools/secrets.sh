#!/bin/sh
# Make the files of secrets that docker-compose.yml names: `sh tools/secrets.sh [FOLDER]` (default: SECRETS_DIR, else secrets).
# Files that exist are kept. SECRETS_DIR, SECRET_KEY, POSTGRES_PASSWORD and REDIS_PASSWORD of the environment or of .env are taken over:
# earlier versions had them there, and the volume of PostgreSQL keeps its password.
set -eu
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
# letters are those of ASCII
export LC_ALL=C
cd "$(dirname "$0")/.."
command -v openssl >/dev/null || { echo "secrets: openssl is not installed; get it with apt-get install openssl" >&2; exit 1; }
# the value of a variable, or of its line in .env
found() {
    eval "value=\${$1:-}"
    # shellcheck disable=SC2154 # eval assigns it
    [ -n "$value" ] || [ ! -f .env ] || value=$(sed -n "s/^\(export  *\)\{0,1\}$1=//p" .env | tail -n 1)
    # Compose takes quotation marks away
    case $value in
        \"*\") value=${value#\"} value=${value%\"} ;;
        \'*\') value=${value#\'} value=${value%\'} ;;
    esac
    printf %s "$value"
}
folder=${1:-$(found SECRETS_DIR)}
folder=${folder:-secrets}
mkdir -p "$folder"
# Containers read the files as their own users; on this machine nobody else can enter the folder.
chmod 700 "$folder"
# write FILE TEXT: complete or not at all
write() {
    [ ! -s "$folder/$1" ] || return 0
    # one that was left by a run that was stopped cannot be written
    rm -f "$folder/.$1.draft"
    printf %s "$2" >"$folder/.$1.draft"
    chmod 444 "$folder/.$1.draft"
    mv "$folder/.$1.draft" "$folder/$1"
    echo "Made $folder/$1"
}
make() {
    [ -s "$folder/$1" ] || {
        value=$(found "$2")
        [ -n "$value" ] || value=$(openssl rand -hex "$3")
        write "$1" "$value"
    }
}
make secret_key SECRET_KEY 32
make postgres_password POSTGRES_PASSWORD 24
make redis_password REDIS_PASSWORD 24
make grafana_admin_password GRAFANA_ADMIN_PASSWORD 16
# The passwords are parts of URLs.
for name in postgres_password redis_password; do
    case $(cat "$folder/$name") in
        '' | *[!A-Za-z0-9._~-]*)
            echo "secrets: $folder/$name has characters other than letters, digits and ._~-, or several lines" >&2
            exit 1 ;;
    esac
done
# address NAME PASSWORD BEGIN END: the file is made, or has the password. An address of another server is the operator's matter.
address() {
    password=$(cat "$folder/$2")
    write "$1" "$3$password$4"
    case $(cat "$folder/$1") in
        "$3$password$4") ;;
        "$3"*"$4")
            echo "secrets: $folder/$1 has another password than $folder/$2; delete the one that is wrong, and run this again" >&2
            exit 1 ;;
    esac
}
address database_url postgres_password postgresql://eco: @postgres:5432/eco
address redis_url redis_password redis://: @redis:6379/0
