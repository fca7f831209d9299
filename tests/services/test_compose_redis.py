"""The command that docker-compose.yml gives to Redis, run with Valkey."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest
import redis
import yaml

from tools import live
from tools.live.caches import valkey_server

PASSWORD = "of-the-test"


def test_redis_requires_its_password(tmp_path: Path) -> None:
    command = yaml.safe_load((live.PROJECT / "docker-compose.yml").read_text())["services"]["redis"]["command"]
    port = live.free_port()
    (tmp_path / "redis-server").symlink_to(valkey_server())
    (tmp_path / "redis_password").write_text(PASSWORD)
    script = command[-1].replace("$$", "$").rstrip()
    for folder in ("/tmp/", "/run/secrets/"):
        script = script.replace(folder, f"{tmp_path}/")
    environ = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    with live.running(
        [*command[:-1], f"{script} --bind 127.0.0.1 --port {port}"],
        tmp_path / "log",
        port,
        environ=environ,
        cwd=tmp_path,
    ) as program:
        with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        with redis.Redis(port=port, password=PASSWORD) as client:
            assert client.ping()
            assert client.config_get("maxmemory")["maxmemory"] == str(256 * 1024 * 1024)
        assert PASSWORD not in " ".join(psutil.Process(program.process.pid).cmdline())
        assert (tmp_path / "redis.conf").stat().st_mode & 0o077 == 0
