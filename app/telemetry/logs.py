"""What is written down: JSON in production and readable lines otherwise, each with the id of its request.

No address, user agent, query string or condition is ever part of a line about a request.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

import orjson
from flask import Flask, Request, Response, current_app, g, has_app_context, has_request_context, request

access = logging.getLogger("app.access")
# asked by machines every few seconds, or once for each picture of a page
QUIET = ("/health/", "/metrics", "/static/", "/docs/assets/")
# gunicorn writes who sent a malformed request, and the whole address where a worker fails outside the application
_SENDER = re.compile(r"\bip=\S+?(?=:?(?:\s|$))")
_QUERY = re.compile(r"\?[^\s?=]+=\S*")


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for machines that collect logs."""

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
        # escapes every character that could end a line, and takes half a surrogate pair too
        return json.dumps(entry, ensure_ascii=True, default=str)


class LineFormatter(logging.Formatter):
    """One readable line, and none forged by what a visitor sent."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text."""
        record.request_id = g.get("request_id", "-") if has_request_context() else "-"
        return _clean(super().format(record))


def init_app(app: Flask) -> None:
    """Give the application's logger one handler, and what other libraries warn about the same form."""
    settings = app.config["SETTINGS"]
    form = formatter(settings.environment)
    # no form names threads or processes, so they are not looked up for each line
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger("app")
    root.setLevel(settings.log_level)
    if not any(getattr(handler, "ecopredict", False) for handler in root.handlers):
        handler = logging.StreamHandler()
        handler.ecopredict = True  # type: ignore[attr-defined]
        root.addHandler(handler)
    for each in root.handlers:
        if getattr(each, "ecopredict", False):
            each.setFormatter(form)
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(form)


def _clean(text: str) -> str:
    if "ip=" in text:
        text = _SENDER.sub("ip=-", text)
    return _QUERY.sub("", text) if "?" in text else text


def formatter(environment: str) -> logging.Formatter:
    """Return the form of lines: for machines in production, for people otherwise."""
    if environment == "production":
        return JsonFormatter()
    return LineFormatter("%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s")


def ids() -> dict[str, str]:
    """Return the ids of the request being answered; the trace's only where there is one."""
    if not has_request_context():
        return {}
    trace = g.get("trace_id")
    return {"request_id": g.get("request_id", ""), **({"trace_id": trace} if trace else {})}


def route() -> str | None:
    """Return the rule of the request being answered: an address has ids in it, a rule does not."""
    return request.url_rule.rule if has_request_context() and request.url_rule is not None else None


def note(**fields: Any) -> None:
    """Add to the line about this request, such as which model answered it."""
    if has_app_context():
        g.setdefault("noted", {}).update(fields)


def noted() -> dict[str, Any]:
    """Return what was noted about the prediction that was answered; a comparison looks up many answers."""
    found = g.get("noted", {})
    return found if "model" in found else {}


def write(asked: Request, response: Response, seconds: float) -> None:
    """Write the line about a request that was answered."""
    # A mistake of the caller is information; only our own failures are errors, logged where they happen.
    if not access.isEnabledFor(logging.INFO) or asked.path.startswith(QUIET):
        return
    if current_app.config["SETTINGS"].environment == "production":
        told = {
            "method": asked.method,
            "route": asked.url_rule.rule if asked.url_rule is not None else None,
            "status": response.status_code,
            "latency_ms": round(1000 * seconds, 2),
        }
        # made here, because logging would look through the stack for who called
        record = logging.LogRecord(access.name, logging.INFO, __file__, 0, "request", None, None)
        record.request = told | noted()
        access.handle(record)
        return
    # an address in development is more use than a rule; in no line is there a query string
    path = asked.path.encode("unicode_escape").decode("ascii")[:200]
    access.info("%s %s %s %.1f ms", asked.method, path, response.status_code, 1000 * seconds)
