"""WSGI middleware for request bodies: limits of size, of time and of uploads at a time, and reading each to its end.

A view that refuses a request (body too large, no such URL, too many requests) does not read the body. A server that
closes a connection with unread bytes resets it, and the response is lost: nginx then sends 503 instead of 413. The
rest of the body is therefore read for a moment after the response was sent.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from flask import Flask, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wsgi import ClosingIterator

from app.errors import Unavailable

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream, StartResponse, WSGIApplication, WSGIEnvironment

# gunicorn reads up to 64 KiB itself. Bodies with a shorter Content-Length than this many digits are left to it.
_DIGITS_OF_LARGE = 5
# Larger than the limit of nginx (client_max_body_size). Without nginx, the connection of a larger body is closed.
_MAX_BYTES = 8 * 1024 * 1024
_BLOCK = 64 * 1024
# Seconds without a byte after which a body is given up. An upload can be continued, so it may wait longer.
_SILENCE_S, _SILENCE_OF_UPLOAD_S = 10.0, 60.0
# Seconds for the whole body of somebody who may not upload files; such a body has a few MB at most.
_WHOLE_S = 60.0
# Seconds in all for reading what a refused request still sends.
_REST_S = 1.5
# Uploads that a process reads at a time, one fewer than it has threads (gunicorn.conf.py), and of these those of people
# who may not upload files. nginx passes uploads on as they arrive, so a slow client holds a thread.
_UPLOADS, _OF_OTHERS = threading.BoundedSemaphore(3), threading.BoundedSemaphore(1)
_HELD = "ecopredict.held_by_upload"


def init_app(app: Flask) -> None:
    """Add the middleware as the outermost one."""
    limit = app.config["MAX_CONTENT_LENGTH"]
    app.wsgi_app = _middleware(app.wsgi_app, limit)  # type: ignore[method-assign, assignment]  # as Flask documents


def allow(limit: int, *, may_upload: bool) -> None:
    """Let the body of the current request have up to a number of bytes, for a view that streams it to the disk.

    A view calls this before it reads anything.

    Parameters
    ----------
    limit : int
        In bytes.
    may_upload : bool
        Whether the caller may upload files, and so may pause for up to a minute. The body of others must arrive within
        one.

    Raises
    ------
    Unavailable
        Too many uploads arrive at this process.
    """
    connection = _socket(request.environ)
    held = request.environ.setdefault(_HELD, ExitStack())
    for slots in (_UPLOADS,) if may_upload else (_OF_OTHERS, _UPLOADS):
        if not slots.acquire(blocking=False):
            raise Unavailable("Too many uploads arrive at the moment. Send it again in a few seconds.")
        held.callback(slots.release)
    if may_upload:
        _set_timeout(connection, _SILENCE_OF_UPLOAD_S)
    else:
        timer = _timer(_WHOLE_S, connection)
        held.callback(timer.cancel)
    # werkzeug refuses the read that finds the end of a chunked body of exactly this length
    request.max_content_length = limit + 1
    stream = request.environ["wsgi.input"]
    if isinstance(stream, _ChunkedBody):
        # the limit of a chunked body is the first size that is refused
        stream.set_limit(limit + 1)


class _ChunkedBody:
    """A body of unknown length. werkzeug would cut it at the limit and treat the beginning as the whole body.

    Parameters
    ----------
    stream : binary stream
        Ends at the end of the body.
    limit : int
        In bytes; the body must be smaller.
    """

    def __init__(self, stream: InputStream, limit: int) -> None:
        self._stream = stream
        self._left = limit

    def set_limit(self, limit: int) -> None:
        """Set another limit, before anything is read."""
        self._left = limit

    def read(self, size: int = -1) -> bytes:
        """Read the next part.

        Raises
        ------
        RequestEntityTooLarge
            The body reaches the limit.
        """
        part = self._stream.read(size)
        self._left -= len(part)
        if self._left <= 0:
            raise RequestEntityTooLarge
        return part


def _middleware(inner: WSGIApplication, limit: int) -> WSGIApplication:
    def outer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        stream, chunked = environ["wsgi.input"], "HTTP_TRANSFER_ENCODING" in environ
        if chunked:
            environ["wsgi.input"] = _ChunkedBody(stream, limit)
        length = environ.get("CONTENT_LENGTH") or ""
        connection = _socket(environ) if chunked or length.strip("0") else None
        # A thread must not wait for ever for a client that is silent.
        _set_timeout(connection, _SILENCE_S)
        try:
            response = inner(environ, start_response)
        finally:
            held = environ.pop(_HELD, None)
            if held is not None:
                held.close()
            # A slow reader of the response has no limit.
            _set_timeout(connection, None)
        # Without this flag the server does not mark the end of a body.
        if (chunked or len(length) >= _DIGITS_OF_LARGE) and environ.get("wsgi.input_terminated"):
            # The server closes the response after it was sent.
            return ClosingIterator(response, partial(_read_rest, stream, connection))
        return response

    return outer


def _socket(environ: WSGIEnvironment) -> socket.socket | None:
    connection = environ.get("gunicorn.socket")
    return connection if isinstance(connection, socket.socket) else None


def _set_timeout(connection: socket.socket | None, seconds: float | None) -> None:
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.settimeout(seconds)


def _read_rest(stream: InputStream, connection: socket.socket | None) -> None:
    rest, until = _MAX_BYTES, time.monotonic() + _REST_S
    # One read waits for many packets of a client that sends byte by byte, so a time limit of the socket is not enough.
    timer = _timer(_REST_S, connection)
    # A broken or malformed body is ignored: the response was sent. gunicorn closes the connection after it.
    with contextlib.suppress(Exception):
        while rest > 0 and time.monotonic() < until:
            part = stream.read(_BLOCK)
            if not part:
                break
            rest -= len(part)
    timer.cancel()
    if rest <= 0 or time.monotonic() >= until:
        _shut(connection, socket.SHUT_RDWR)


def _timer(seconds: float, connection: socket.socket | None) -> threading.Timer:
    """Let nothing more arrive at a connection after a time."""
    timer = threading.Timer(seconds, partial(_shut, connection, socket.SHUT_RD))
    timer.daemon = True
    timer.start()
    return timer


def _shut(connection: socket.socket | None, direction: int) -> None:
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.shutdown(direction)
