"""Stand-ins on loopback for what the application reports to: an OTLP collector, a Sentry, a server that is silent."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass
class Collector:
    """A server that keeps what is posted to it, by path."""

    port: int
    posted: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def dsn(self) -> str:
        return f"http://key@127.0.0.1:{self.port}/1"

    @property
    def spans(self) -> list[Any]:
        found = []
        for path, body in self.posted:
            if path == "/v1/traces":
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    found += [span for scope in resource.scope_spans for span in scope.spans]
        return found

    @property
    def events(self) -> list[dict[str, Any]]:
        found = []
        for path, body in self.posted:
            if path.endswith("/envelope/"):
                # an envelope is a line about it, then for each item a line about that and the item
                lines = body.splitlines()
                found += [
                    json.loads(item) for head, item in zip(lines[1::2], lines[2::2], strict=True) if b'"event"' in head
                ]
        return found


@contextlib.contextmanager
def collecting() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.posted.append((self.path, body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def silence() -> Iterator[int]:
    """A server that accepts and never says a word; yields its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        # the kernel accepts for it
        yield server.getsockname()[1]


def attributes(span: Any) -> dict[str, Any]:
    """What a span says."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in span.attributes}
