"""WSGI middleware for request bodies: a limit for chunked bodies, and reading each body to its end.

A view that refuses a request (body too large, no such URL, too many requests) does not read the body. A server that
closes a connection with unread bytes resets it, and the response is lost: nginx then sends 503 instead of 413.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.exceptions import RequestEntityTooLarge

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream, StartResponse, WSGIApplication, WSGIEnvironment

# gunicorn reads up to 64 KiB itself. Bodies with a shorter Content-Length than this many digits are left to it.
_DIGITS_OF_LARGE = 5
# Larger than the limit of nginx (client_max_body_size). Without nginx, the connection of a larger body is closed.
_MAX_BYTES = 8 * 1024 * 1024
_BLOCK = 64 * 1024


def init_app(app: Flask) -> None:
    """Add the middleware as the outermost one."""
    limit = app.config["MAX_CONTENT_LENGTH"]
    app.wsgi_app = _middleware(app.wsgi_app, limit)  # type: ignore[method-assign, assignment]  # as Flask documents


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
        response = inner(environ, start_response)
        large = chunked or len(environ.get("CONTENT_LENGTH") or "") >= _DIGITS_OF_LARGE
        # Without this flag the server does not mark the end of a body.
        if large and environ.get("wsgi.input_terminated"):
            _read_rest(stream)
        return response

    return outer


def _read_rest(stream: InputStream) -> None:
    rest = _MAX_BYTES
    # The response is sent even if the body is broken or malformed. gunicorn closes the connection after it.
    with contextlib.suppress(Exception):
        while rest > 0 and (part := stream.read(_BLOCK)):
            rest -= len(part)
