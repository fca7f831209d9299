#!/bin/sh
# Make the files of secrets that docker-compose.yml names: `sh tools/secrets.sh [FOLDER]` (default: SECRETS_DIR, else secrets).
# Files that exist are kept. SECRET_KEY, POSTGRES_PASSWORD and REDIS_PASSWORD of the environment or of .env are taken over:
# earlier versions had them there, and the volume of PostgreSQL keeps its password.
set -eu
cd "$(dirname "$0")/.."
folder=${1:-${SECRETS_DIR:-secrets}}
command -v openssl >/dev/null || { echo "secrets: openssl is not installed; get it with apt-get install openssl" >&2; exit 1; }
mkdir -p "$folder"
# Containers read the files as their own users; on this machine nobody else can enter the folder.
chmod 700 "$folder"

# the value of a variable, or of its line in .env
found() {
    eval "value=\${$1:-}"
    # shellcheck disable=SC2154 # eval assigns it
    [ -n "$value" ] || [ ! -f .env ] || value=$(sed -n "s/^$1=//p" .env | tail -n 1)
    printf %s "$value"
}
# write FILE TEXT: complete or not at all
write() {
    [ ! -s "$folder/$1" ] || return 0
    printf %s "$2" >"$folder/.$1.draft"
    chmod 444 "$folder/.$1.draft"
    mv "$folder/.$1.draft" "$folder/$1"
    echo "Made $folder/$1"
}
make() {
    [ -s "$folder/$1" ] || {
        value=$(found "$2")
        write "$1" "${value:-$(openssl rand -hex "$3")}"
    }
}
make secret_key SECRET_KEY 32
make postgres_password POSTGRES_PASSWORD 24
make redis_password REDIS_PASSWORD 24
make grafana_admin_password GRAFANA_ADMIN_PASSWORD 16
# The passwords are parts of URLs.
for name in postgres_password redis_password; do
    grep -Eqx '[A-Za-z0-9._~-]+' "$folder/$name" \
        || { echo "secrets: $folder/$name has characters other than letters, digits and ._~-" >&2; exit 1; }
done
write database_url "postgresql://eco:$(cat "$folder/postgres_password")@postgres:5432/eco"
write redis_url "redis://:$(cat "$folder/redis_password")@redis:6379/0"
