#!/bin/sh
# Make the database at the first start, as the official image does, then be the server.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    draft=$(mktemp)
    cat "$POSTGRES_PASSWORD_FILE" >"$draft"
    initdb --username="$POSTGRES_USER" --pwfile="$draft" --auth=scram-sha-256 --encoding=UTF8 >/dev/null
    rm "$draft"
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    sed -i "s/^local .*/local all all trust/" "$PGDATA/pg_hba.conf"
    # without a port until the database is there, so that a health check by TCP waits for it
    pg_ctl --silent --wait --options="-c listen_addresses='' -c unix_socket_directories=/tmp" start
    [ "$POSTGRES_DB" = postgres ] || createdb --host=/tmp --username="$POSTGRES_USER" "$POSTGRES_DB"
    pg_ctl --silent --wait stop
fi
exec postgres -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql
