"""Reading to the end what a request sent and no view read.

A body that is refused (too large, no such address, too many requests) is not read by whoever refuses it. A server that
closes the connection on bytes it has not read resets it, and the answer is lost on the way: nginx then says 503 where
we said 413.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# less than this gunicorn reads on by itself (64 KiB), so that most requests are not asked
_DIGITS_OF_LARGE = 5
# more than nginx passes on (client_max_body_size); who sends more without nginx may see the connection closed
_MOST = 8 * 1024 * 1024
_AT_ONCE = 64 * 1024


def init_app(app: Flask) -> None:
    """Wire it around everything else."""
    app.wsgi_app = _reading_on(app.wsgi_app)  # type: ignore[method-assign, assignment]


def _reading_on(inner: WSGIApplication) -> WSGIApplication:
    def outer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = inner(environ, start_response)
        large = len(environ.get("CONTENT_LENGTH") or "") >= _DIGITS_OF_LARGE or "HTTP_TRANSFER_ENCODING" in environ
        # only a server that says where a body ends can be read to its end
        if large and environ.get("wsgi.input_terminated"):
            _read_on(environ)
        return answer

    return outer


def _read_on(environ: WSGIEnvironment) -> None:
    rest = _MOST
    # a body that breaks off or is not well formed is no reason to withhold the answer; gunicorn closes after it
    with contextlib.suppress(Exception):
        while rest > 0 and (part := environ["wsgi.input"].read(_AT_ONCE)):
            rest -= len(part)
