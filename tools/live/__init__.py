"""Real programs for tests and benchmarks, on free loopback ports; each is ended also when a test fails."""

from tools.live.caches import cluster, sentinel, valkey
from tools.live.front import Front, nginx, nginx_binary
from tools.live.ports import free_port
from tools.live.postgres import DEBIAN, POSTGIS, Postgres, connect, connected, make_postgres, make_standby, postgresql
from tools.live.programs import PROJECT, SITE, Program, UnusableError, listens, machine, nobody, running, wait_until
from tools.live.sites import NO_PROXY, Site, app_environ, copy_site, flask, prepare, serving

__all__ = [
    "DEBIAN",
    "NO_PROXY",
    "POSTGIS",
    "PROJECT",
    "SITE",
    "Front",
    "Postgres",
    "Program",
    "Site",
    "UnusableError",
    "app_environ",
    "cluster",
    "connect",
    "connected",
    "copy_site",
    "flask",
    "free_port",
    "listens",
    "machine",
    "make_postgres",
    "make_standby",
    "nginx",
    "nginx_binary",
    "nobody",
    "postgresql",
    "prepare",
    "running",
    "sentinel",
    "serving",
    "valkey",
    "wait_until",
]
