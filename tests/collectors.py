"""Local replacements for an OTLP collector and a Sentry server, and a server that never answers."""

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
    """A server that stores POST requests as pairs of path and body."""

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
        spans = []
        for path, body in self.posted:
            if path == "/v1/traces":
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    spans += [span for scope in resource.scope_spans for span in scope.spans]
        return spans

    @property
    def events(self) -> list[dict[str, Any]]:
        events = []
        for path, body in self.posted:
            if path.endswith("/envelope/"):
                # an envelope is a header line, and for each item a header line and the item
                lines = body.splitlines()
                events += [
                    json.loads(item) for head, item in zip(lines[1::2], lines[2::2], strict=True) if b'"event"' in head
                ]
        return events


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
    """Run a server that accepts connections and never answers; yields its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        # the kernel accepts the connections
        yield server.getsockname()[1]


def attributes(span: Any) -> dict[str, Any]:
    """Return the attributes of a span."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in span.attributes}
