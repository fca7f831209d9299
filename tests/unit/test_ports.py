"""Free ports: none is returned twice, neither in this process nor in another one that runs at the same time."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from tools import live
from tools.live.ports import BLOCK, _sources

MANY = "from tools import live; print(*(live.free_port() for _ in range(400))); input()"


def test_no_port_is_returned_twice():
    # more ports than one block has
    ports = [live.free_port() for _ in range(BLOCK + 20)]
    assert len(set(ports)) == len(ports)
    low, high = (int(part) for part in Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert not [port for port in ports if low <= port <= high], "the system gives these to outgoing connections"


def test_processes_that_run_at_the_same_time_share_no_port():
    command = [sys.executable, "-c", MANY]
    others = [
        subprocess.Popen(command, cwd=live.PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        their_ports = [{int(port) for port in other.stdout.readline().split()} for other in others]
    finally:
        for other in others:
            other.communicate("\n")
    own_ports = {live.free_port() for _ in range(20)}
    assert [len(ports) for ports in their_ports] == [400, 400]
    assert their_ports[0].isdisjoint(their_ports[1])
    assert own_ports.isdisjoint(their_ports[0] | their_ports[1])


def test_a_port_that_a_program_listens_on_is_skipped(monkeypatch):
    free = live.free_port()
    with socket.create_server(("127.0.0.1", 0)) as busy:
        monkeypatch.setitem(_sources, os.getpid(), iter([busy.getsockname()[1], free]))
        assert live.free_port() == free
