"""An instance stops while another answers, as in an upgrade: no request may fail."""

from __future__ import annotations

from pathlib import Path

from tests.services.load import Load
from tools import live


def test_no_request_fails_when_one_of_two_instances_stops(environ: dict[str, str], workroom: Path) -> None:
    unlimited = [("rate=50r/s", "rate=100000r/s")]
    with (
        live.serving(environ, RATE_LIMIT="100000/second") as first,
        live.serving(environ, RATE_LIMIT="100000/second") as second,
        live.nginx(workroom / "stops", [first.program.port, second.program.port], changes=unlimited) as front,
        Load(f"http://127.0.0.1:{front.port}", threads=8, pause=0.02) as load,
    ):
        load.until(100)
        assert first.program.stop() == 0, first.program.output()
        load.until(100)
        load.stop()
        assert (load.refused, load.broken) == ({}, 0)
