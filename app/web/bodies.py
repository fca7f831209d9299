"""What Flask leaves to the server about a request's body: its limit when it comes in pieces, and reading it to the end.

A body that is refused (too large, no such address, too many requests) is not read by whoever refuses it. A server that
closes the connection on bytes it has not read resets it, and the answer is lost on the way: nginx then says 503 where
we said 413.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask
from werkzeug.exceptions import RequestEntityTooLarge

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# less than this gunicorn reads on by itself (64 KiB), so that most requests are not asked
_DIGITS_OF_LARGE = 5
# more than nginx passes on (client_max_body_size); who sends more without nginx may see the connection closed
_MOST = 8 * 1024 * 1024
_AT_ONCE = 64 * 1024


def init_app(app: Flask) -> None:
    """Wire it around everything else."""
    app.wsgi_app = _minding(app.wsgi_app, app.config["MAX_CONTENT_LENGTH"])  # type: ignore[method-assign, assignment]


class _InPieces:
    """A body whose length nobody has said; werkzeug would cut it at the limit and take that for all of it.

    Parameters
    ----------
    stream : stream of bytes
        Ends where the body does.
    limit : int
        Bytes; a body must be smaller.
    """

    def __init__(self, stream: Any, limit: int) -> None:
        self._stream = stream
        self._left = limit

    def read(self, size: int = -1) -> bytes:
        """Read on.

        Raises
        ------
        RequestEntityTooLarge
            The limit is reached.
        """
        part: bytes = self._stream.read(size)
        self._left -= len(part)
        if self._left <= 0:
            raise RequestEntityTooLarge
        return part


def _minding(inner: WSGIApplication, limit: int) -> WSGIApplication:
    def outer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        stream, in_pieces = environ["wsgi.input"], "HTTP_TRANSFER_ENCODING" in environ
        if in_pieces:
            environ["wsgi.input"] = _InPieces(stream, limit)
        answer = inner(environ, start_response)
        large = in_pieces or len(environ.get("CONTENT_LENGTH") or "") >= _DIGITS_OF_LARGE
        # only a server that says where a body ends can be read to its end
        if large and environ.get("wsgi.input_terminated"):
            _read_on(stream)
        return answer

    return outer


def _read_on(stream: Any) -> None:
    rest = _MOST
    # a body that breaks off or is not well formed is no reason to withhold the answer; gunicorn closes after it
    with contextlib.suppress(Exception):
        while rest > 0 and (part := stream.read(_AT_ONCE)):
            rest -= len(part)
