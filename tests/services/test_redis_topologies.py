"""Answers and limits shared through one server, a socket, TLS, sentinels and a cluster, and without them."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis as redis_client

from tests.services.conftest import Instance
from tools import live

_numbers = itertools.count()
PASSWORD = "p@ss/w#rd"
QUOTED = "p%40ss%2Fw%23rd"


@dataclass
class Topology:
    """A Redis that can be stopped and started again where it was."""

    url: str
    stop: Callable[[], None]
    start: Callable[[], None]


def _single(folder: Path, stack: ExitStack) -> Topology:
    program = stack.enter_context(live.valkey(folder, "--requirepass", PASSWORD))

    def again() -> None:
        stack.enter_context(live.valkey(folder, "--requirepass", PASSWORD, port=program.port))

    return Topology(f"redis://:{QUOTED}@127.0.0.1:{program.port}/2", program.stop, again)


def _socket(folder: Path, stack: ExitStack) -> Topology:
    path = folder / "r.sock"
    program = stack.enter_context(live.valkey(folder, "--unixsocket", str(path)))

    def again() -> None:
        stack.enter_context(live.valkey(folder, "--unixsocket", str(path), port=program.port))

    return Topology(f"unix://{path}", program.stop, again)


def _tls(folder: Path, stack: ExitStack) -> Topology:
    program = stack.enter_context(live.valkey(folder))
    certificate, key = _certificate(folder)
    port = stack.enter_context(_tls_front(certificate, key, program.port))

    def again() -> None:
        stack.enter_context(live.valkey(folder, port=program.port))

    return Topology(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate}", program.stop, again)


def _sentinel(folder: Path, stack: ExitStack) -> Topology:
    options = ("--requirepass", PASSWORD)
    primary = stack.enter_context(live.valkey(folder / "primary", *options))
    said = f"auth-pass eco {PASSWORD}"
    watching = stack.enter_context(live.sentinel(folder / "sentinel", primary.port, "eco", said))
    dead = live.free_port()  # the first of the sentinels is away

    def again() -> None:
        stack.enter_context(live.valkey(folder / "primary", *options, port=primary.port))

    url = f"redis+sentinel://:{QUOTED}@127.0.0.1:{dead},127.0.0.1:{watching.port}/eco/1"
    return Topology(url, primary.stop, again)


def _cluster(folder: Path, stack: ExitStack) -> Topology:
    nodes = stack.enter_context(live.cluster(folder, 3))

    def stop() -> None:
        for node in nodes:
            node.stop()

    def again() -> None:
        stack.enter_context(live.cluster(folder, 3, [node.port for node in nodes]))

    hosts = ",".join(f"127.0.0.1:{node.port}" for node in nodes[:2])
    return Topology(f"redis+cluster://{hosts}", stop, again)


@pytest.fixture(params=[_single, _socket, _tls, _sentinel, _cluster], ids=lambda make: make.__name__.strip("_"))
def topology(request: pytest.FixtureRequest, workroom: Path, stack: ExitStack) -> Topology:
    folder = workroom / f"topology-{next(_numbers)}"
    folder.mkdir()
    return request.param(folder, stack)


def test_answers_and_limits_are_shared_and_outlive_the_servers(
    topology: Topology, start_instance: Callable[..., Instance], caplog: pytest.LogCaptureFixture
) -> None:
    one, other = start_instance(topology.url, "8/hour"), start_instance(topology.url, "8/hour")
    assert other.cache() == "up"
    first, again = one.predict(temperature=15.25), other.predict(temperature=15.25)
    assert (first.status_code, first.json["cached"]) == (200, False)
    assert (again.status_code, again.json["cached"]) == (200, True)
    assert again.json["suitability"] == first.json["suitability"]
    assert other.predict(temperature=15.25).json["cached"] is True
    assert (other.hits_in("redis"), other.hits_in("process")) == (1, 1)
    # three of eight are used up
    rest = [instance.predict() for _ in range(3) for instance in (one, other)]
    assert [answer.status_code for answer in rest] == [200] * 5 + [429]
    assert [answer.headers["RateLimit-Remaining"] for answer in rest] == ["4", "3", "2", "1", "0", "0"]
    assert 0 < int(rest[-1].headers["Retry-After"]) <= 3600
    topology.stop()
    # counted in each process now, and answered without; what a process has seen it still knows
    for instance in (one, other):
        later = [instance.predict(temperature=15.25) for _ in range(9)]
        assert [answer.status_code for answer in later] == [200] * 8 + [429]
        assert [answer.json["suitability"] for answer in later[:8]] == [first.json["suitability"]] * 8
        assert instance.cache() == "down"
    # an instance that starts meanwhile answers too
    late = start_instance(topology.url, "8/hour")
    new = late.predict(temperature=15.25)
    assert (new.status_code, new.json["cached"]) == (200, False)
    assert new.json["suitability"] == first.json["suitability"]
    topology.start()
    for instance in (one, late):
        live.wait_until(lambda: instance.cache() == "up", 30, "Redis is back")  # noqa: B023
    # the servers forgot everything, and count from one again, for all instances together
    counted = [instance.predict(trees=33.5) for instance in (one, late, one)]
    assert [answer.json["cached"] for answer in counted] == [False, True, True]
    assert [answer.headers["RateLimit-Remaining"] for answer in counted] == ["7", "6", "5"]
    assert PASSWORD not in caplog.text
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_new_primary_is_found(workroom: Path, stack: ExitStack, start_instance: Callable[..., Instance]) -> None:
    folder = workroom / f"topology-{next(_numbers)}"
    primary = stack.enter_context(live.valkey(folder / "a"))
    replica = stack.enter_context(live.valkey(folder / "b", "--replicaof", f"127.0.0.1 {primary.port}"))
    watching = stack.enter_context(live.sentinel(folder / "s", primary.port, "eco"))
    one = start_instance(f"redis+sentinel://127.0.0.1:{watching.port}/eco")
    assert one.predict(temperature=16.5).json["cached"] is False
    with redis_client.Redis(port=replica.port) as client:
        live.wait_until(lambda: client.dbsize() > 0, what="the replica has the answer")
    with redis_client.Redis(port=watching.port) as asked:
        live.wait_until(lambda: asked.sentinel_master("eco")["num-slaves"] == 1, 30, "the sentinel knows the replica")
        primary.stop()
        live.wait_until(lambda: asked.sentinel_master("eco")["port"] == replica.port, 30, "the replica takes over")
    live.wait_until(lambda: one.cache() == "up", 30, "it is found")
    assert (
        start_instance(f"redis+sentinel://127.0.0.1:{watching.port}/eco").predict(temperature=16.5).json["cached"]
        is True
    )


def _certificate(folder: Path) -> tuple[Path, Path]:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed; get it with `apt-get install openssl`")
    certificate, key = folder / "c.pem", folder / "k.pem"
    what = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    whose = ["-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key]
    subprocess.run([program, "req", "-x509", *what, *whose], check=True, capture_output=True)
    return certificate, key


@contextlib.contextmanager
def _tls_front(certificate: Path, key: Path, behind: int) -> Iterator[int]:
    """The wheel's Valkey has no TLS: something in front that has."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    stopped = threading.Event()

    def carry(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve(raw: socket.socket) -> None:
        there = ("127.0.0.1", behind)
        with (
            contextlib.suppress(OSError),
            raw,
            context.wrap_socket(raw, server_side=True) as outer,
            socket.create_connection(there) as inner,
        ):
            back = threading.Thread(target=carry, args=(inner, outer), daemon=True)
            back.start()
            carry(outer, inner)
            back.join()

    def accept(listener: socket.socket) -> None:
        while not stopped.is_set():
            with contextlib.suppress(TimeoutError):
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        thread = threading.Thread(target=accept, args=(listener,))
        thread.start()
        yield listener.getsockname()[1]
        stopped.set()
        thread.join()
