"""Ports for tests: none comes twice, neither here nor in another process that runs at the same time."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from tools import live
from tools.live.ports import BLOCK, _handed_out

MANY = "from tests import live; print(*(live.free_port() for _ in range(400))); input()"


def test_no_port_comes_twice():
    # more than a block has
    ports = [live.free_port() for _ in range(BLOCK + 20)]
    assert len(set(ports)) == len(ports)
    low, high = (int(part) for part in Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert not [port for port in ports if low <= port <= high], "the system gives these to outgoing connections"


def test_processes_that_live_at_the_same_time_share_none():
    command = [sys.executable, "-c", MANY]
    others = [
        subprocess.Popen(command, cwd=live.PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        theirs = [{int(port) for port in other.stdout.readline().split()} for other in others]
    finally:
        for other in others:
            other.communicate("\n")
    ours = {live.free_port() for _ in range(20)}
    assert [len(ports) for ports in theirs] == [400, 400]
    assert theirs[0].isdisjoint(theirs[1])
    assert ours.isdisjoint(theirs[0] | theirs[1])


def test_a_port_somebody_listens_at_is_passed_over(monkeypatch):
    free = live.free_port()
    with socket.create_server(("127.0.0.1", 0)) as busy:
        monkeypatch.setitem(_handed_out, os.getpid(), iter([busy.getsockname()[1], free]))
        assert live.free_port() == free
