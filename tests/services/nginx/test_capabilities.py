"""nginx with the capabilities that docker-compose.yml gives to its container, and with fewer."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml

from tests.services.nginx.conftest import ask
from tools import live

CAPABILITIES = yaml.safe_load((live.PROJECT / "docker-compose.yml").read_text())["services"]["nginx"]["cap_add"]
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can drop capabilities"),
    pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed; it is part of util-linux"),
]


def _only(*names: str) -> list[str]:
    added = "".join(f",+{name.lower()}" for name in names)
    return ["setpriv", "--bounding-set", f"-all{added}", "--no-new-privs"]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can read, as the workers are not root."""
    with tempfile.TemporaryDirectory(prefix="ecopredict-nginx-") as name:
        Path(name).chmod(0o755)
        yield Path(name) / "nginx"


def test_nginx_serves_reloads_and_ends_with_its_capabilities(open_folder: Path, caller: str) -> None:
    with live.nginx(open_folder, live.free_port(), start=_only(*CAPABILITIES), user="nobody nogroup") as front:

        def workers() -> set[int]:
            (master,) = [one for one in psutil.Process(front.process.pid).children() if one.name() == "nginx"]
            assert master.username() == "root"
            users = {}
            for worker in master.children():
                # one that is replaced may end at any time
                with contextlib.suppress(psutil.NoSuchProcess):
                    users[worker.pid] = worker.username()
            assert set(users.values()) <= {"nobody", "root"}
            return {pid for pid, user in users.items() if user == "nobody"}

        # the body is large enough for a temporary file, which a worker writes
        assert ask(front.port, "/species", "POST", body=b"x" * 500_000, caller=caller).status == 503
        assert "Permission denied" not in front.output()
        before = workers()
        psutil.Process(front.process.pid).send_signal(1)
        live.wait_until(lambda: bool(workers()) and not workers() & before, 10, "new workers")
        assert ask(front.port, "/species", caller=caller).status == 503
        assert front.stop() == 0


def test_nginx_serves_without_root_where_the_key_is_its_own(open_folder: Path, caller: str) -> None:
    """As in a pod of kubernetes/: no process is root or has a capability, and the files belong to the user."""
    as_nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all --no-new-privs"
    script = f'chown -R 65534:65534 "{open_folder}" && exec {as_nobody} "$@"'
    with live.nginx(open_folder, live.free_port(), start=["sh", "-c", script, "start"]) as front:
        tree = [psutil.Process(front.process.pid), *psutil.Process(front.process.pid).children(recursive=True)]
        assert {one.uids().effective for one in tree} == {65534}
        assert len([one for one in tree if one.name() == "nginx"]) >= 2
        assert ask(front.port, "/species", "POST", body=b"x" * 500_000, caller=caller).status == 503
        assert "Permission denied" not in front.output()
        assert front.stop(signal.SIGQUIT) == 0


@pytest.mark.parametrize("missing", sorted(set(CAPABILITIES) - {"NET_BIND_SERVICE"}))
def test_nginx_needs_each_of_its_capabilities(open_folder: Path, missing: str) -> None:
    """Without one, nginx ends, or listens without workers; its log says why."""
    start = _only(*(name for name in CAPABILITIES if name != missing))
    # without CHOWN nginx ends
    with (
        contextlib.suppress(live.UnusableError),
        live.nginx(open_folder, live.free_port(), start=start, user="nobody nogroup") as front,
    ):
        live.wait_until(lambda: "Operation not permitted" in front.output(), 10, "the reason")
    assert "Operation not permitted" in (open_folder / "nginx.log").read_text()
