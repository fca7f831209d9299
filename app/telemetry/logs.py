"""Log lines: JSON in production and text otherwise, each with the id of its request.

The line about a request contains no address, user agent, query string or condition.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
from datetime import UTC, datetime

import orjson
from flask import Flask, Request, Response, current_app, g, has_app_context, has_request_context, request

access = logging.getLogger("app.access")
#: Name of the application's own handler.
HANDLER = "ecopredict"
# Paths without a line: probes, scrapes and the files of a page.
QUIET = ("/health/", "/metrics", "/static/", "/docs/assets/")
# gunicorn logs the client address of a malformed request, and the URL where a worker fails outside the application.
_SENDER = re.compile(r"\bip=\S+?(?=:?(?:\s|$))")
_QUERY = re.compile(r"\?[^\s?=]+=\S*")


class JsonFormatter(logging.Formatter):
    """One JSON object for each line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": _clean(record.getMessage()),
        }
        entry |= ids()
        entry |= getattr(record, "request", {})
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        with contextlib.suppress(TypeError):
            text = orjson.dumps(entry, default=str)
            if text.isascii():
                return text.decode()
        # The json module escapes every character that could end a line, and accepts unpaired surrogates.
        return json.dumps(entry, ensure_ascii=True, default=str)


class LineFormatter(logging.Formatter):
    """One line of text. Input of a client cannot forge a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text."""
        record.request_id = g.get("request_id", "-") if has_request_context() else "-"
        return _clean(super().format(record))


def init_app(app: Flask) -> None:
    """Give the application's logger one handler, and warnings of other libraries the same format."""
    settings = app.config["SETTINGS"]
    form = formatter(settings.environment)
    # No format contains threads or processes, so logging need not look them up for each line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger("app")
    root.setLevel(settings.log_level)
    if not any(handler.name == HANDLER for handler in root.handlers):
        handler = logging.StreamHandler()
        handler.name = HANDLER
        root.addHandler(handler)
    for each in root.handlers:
        if each.name == HANDLER:
            each.setFormatter(form)
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(form)


def _clean(text: str) -> str:
    if "ip=" in text:
        text = _SENDER.sub("ip=-", text)
    return _QUERY.sub("", text) if "?" in text else text


def formatter(environment: str) -> logging.Formatter:
    """Return the formatter of an environment: JSON in production, text otherwise."""
    if environment == "production":
        return JsonFormatter()
    return LineFormatter("%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s")


def ids() -> dict[str, str]:
    """Return the id of the current request and, where there is one, the id of its trace."""
    if not has_request_context():
        return {}
    trace = g.get("trace_id")
    return {"request_id": g.get("request_id", ""), **({"trace_id": trace} if trace else {})}


def route() -> str | None:
    """Return the URL rule of the current request. Unlike the URL it contains no ids."""
    return request.url_rule.rule if has_request_context() and request.url_rule is not None else None


def note(**fields: str | int) -> None:
    """Add fields to the line about the current request, such as the id of the model."""
    if has_app_context():
        g.setdefault("noted", {}).update(fields)


def noted() -> dict[str, str | int]:
    """Return the fields of :func:`note`, where they are about one prediction: a comparison reads many answers."""
    fields: dict[str, str | int] = g.get("noted", {})
    return fields if "model" in fields else {}


def write(request: Request, response: Response, seconds: float) -> None:
    """Write the line about a request."""
    # A client error is information. Only failures of the server are errors, and they are logged where they happen.
    if not access.isEnabledFor(logging.INFO) or request.path.startswith(QUIET):
        return
    if current_app.config["SETTINGS"].environment == "production":
        fields = {
            "method": request.method,
            "route": request.url_rule.rule if request.url_rule is not None else None,
            "status": response.status_code,
            "latency_ms": round(1000 * seconds, 2),
        }
        access.info("request", extra={"request": fields | noted()})
        return
    # In development the path is more useful than the rule. No line contains a query string.
    # The token of a link is a secret.
    has_secret = request.url_rule is not None and "token" in request.url_rule.arguments
    path = request.url_rule.rule if has_secret and request.url_rule is not None else request.path
    path = path.encode("unicode_escape").decode("ascii")[:200]
    access.info("%s %s %s %.1f ms", request.method, path, response.status_code, 1000 * seconds)
