"""An alert on its whole way: a target that is down, Prometheus, Alertmanager, and the receiver of a page."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.conftest import system_program
from tests.prometheus import alertmanager, prometheus
from tools import live

SECRETS = {"alert_webhook_token": "a-secret-of-the-test", "alert_smtp_password": "another"}


@contextmanager
def receiving() -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Run a receiver of webhooks; yields its address, and what it received: the authorization and the message."""
    received: list[tuple[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.headers["Authorization"], json.loads(body)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/alerts", received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_an_alert_reaches_the_receiver_of_pages(tmp_path: Path) -> None:
    programs = [system_program(name) for name in ("prometheus", "prometheus-alertmanager")]
    folders = [tmp_path / name for name in ("prometheus", "alertmanager")]
    for folder in folders:
        folder.mkdir()
    with (
        receiving() as (address, received),
        alertmanager(programs[1], folders[1], address, SECRETS) as manager,
        # nothing listens at the port of the application
        prometheus(programs[0], folders[0], live.free_port(), manager.port),
    ):
        live.wait_until(lambda: bool(received), 60, "a page")
        # while no instance answers, nothing is said of the instance
        live.wait_until(lambda: "EcoPredictDown" in silenced(manager), 60, "the inhibition")
    for authorization, message in received:
        assert authorization == f"Bearer {SECRETS['alert_webhook_token']}"
        assert message["receiver"] == "webhook"
        assert {alert["labels"]["alertname"] for alert in message["alerts"]} == {"EcoPredictServiceDown"}
    alert = received[0][1]["alerts"][0]
    assert (alert["status"], alert["labels"]["severity"]) == ("firing", "page")
    assert alert["annotations"] == {
        "summary": "No instance answers",
        "runbook": "docs/how-to/runbooks.md#ecopredictservicedown",
    }


def silenced(manager: live.Program) -> set[str]:
    """Return the names of the alerts that Alertmanager knows and does not send, because of another one."""
    with live.NO_PROXY.open(f"http://127.0.0.1:{manager.port}/api/v2/alerts", timeout=10) as answer:
        known = json.load(answer)
    return {alert["labels"]["alertname"] for alert in known if alert["status"]["inhibitedBy"]}
