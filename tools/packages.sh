#!/bin/sh
# `sh tools/packages.sh` installs the system programs that tests of `make test` use, on Debian 12 as root. .ci/run has the same list.
set -eu
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
export DEBIAN_FRONTEND=noninteractive
# the tests start servers of their own
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
apt-get update -qq
apt-get install -y -qq --no-install-recommends python3-venv chromium-headless-shell openssl postgresql-15-postgis-3 prometheus prometheus-alertmanager >/dev/null
