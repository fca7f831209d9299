"""Liveness on a port of its own, for checks that must be answered while all threads of a worker are busy.

gunicorn's threads answer one request each. Four requests that wait for a slow database or for a body would keep a check
waiting on the same port, and the container would be restarted for being busy.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

log = logging.getLogger(__name__)
# Begins the names of the threads that answer connections.
_THREAD = "liveness-connection"
_BODY = b'{"status":"live"}'
# In seconds: a connection is closed after this time, whatever its client sends.
_PATIENCE = 2.0
# Connections at a time. A check is one.
_MOST_CONNECTIONS = 32


class _Handler(BaseHTTPRequestHandler):
    """Answers ``GET /health/live``."""

    def setup(self) -> None:
        """Close the connection after a while: a time limit for each read would let a client send byte by byte."""
        super().setup()
        self._limit = threading.Timer(_PATIENCE, self._end)
        self._limit.daemon = True
        self._limit.start()

    def _end(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        """Forget the time limit."""
        self._limit.cancel()
        with contextlib.suppress(OSError):
            super().finish()

    def do_GET(self) -> None:
        """Send that the process is alive."""
        is_live = self.path.partition("?")[0] == "/health/live"
        body = _BODY if is_live else b"{}"
        self.send_response(200 if is_live else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        """Return the name of the server without the version of Python."""
        return "ecopredict"

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: checks come every few seconds."""


class _Server(ThreadingHTTPServer):
    """Answers each connection in a thread of its own, and closes those above the largest number."""

    daemon_threads = True

    def verify_request(self, request: object, client_address: object) -> bool:
        """Return whether there is a thread for a connection."""
        return sum(thread.name.startswith(_THREAD) for thread in threading.enumerate()) < _MOST_CONNECTIONS

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer a connection."""
        threading.current_thread().name = f"{_THREAD} {client_address}"
        super().process_request_thread(request, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        """Log nothing about clients that close the connection."""


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket, which all workers inherit.

    A master that gunicorn starts after SIGUSR2 listens at the same port while the old one still does.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
        listener.listen()
        # another worker may have accepted the connection that this one was woken for
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def serve(listener: socket.socket) -> None:
    """Answer checks in a thread that ends with the process."""
    server = _Server(listener.getsockname()[:2], _Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    threading.Thread(target=server.serve_forever, name="liveness", daemon=True).start()
