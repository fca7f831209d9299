"""Our own failures, reported to Sentry. The package is imported only where a DSN is set.

Whatever is logged as an error is reported: the kind of error, where in the code, on which route. The request itself is
not: no address, header, body, variable or number from a message leaves with it.
"""

from __future__ import annotations

import logging
import re
import time
from typing import Any

from app.config.settings import Settings, app_version
from app.telemetry import logs

# A database that is away fails every request: Sentry needs to hear of it once in a while.
_EVERY = 1.0
# a message may quote what was asked, an address, or a row of the database
_PRIVATE = re.compile(r"'[^']*'|\"[^\"]*\"|\([^()]*\)|\d[\w.,:+-]*")


class ErrorReports(logging.Handler):
    """Reports what is logged as an error."""

    def __init__(self, settings: Settings) -> None:
        from sentry_sdk import Client
        from sentry_sdk.utils import event_from_exception

        super().__init__(logging.ERROR)
        self._event_from = event_from_exception
        # No integration: each would patch something, and their views of a request hold what must not leave.
        self._client: Any = Client(
            dsn=settings.sentry_dsn,
            release=f"ecopredict@{app_version()}",
            environment=settings.environment,
            send_default_pii=False,
            max_request_body_size="never",
            include_local_variables=False,
            default_integrations=False,
            auto_enabling_integrations=False,
            auto_session_tracking=False,
            send_client_reports=False,
            max_breadcrumbs=0,
            spotlight=False,
            before_send=_redact,
        )
        self._last: dict[tuple[object, ...], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Report, in another thread; a Sentry that is away costs nothing but the report."""
        try:
            error = record.exc_info[1] if record.exc_info else None
            key = (record.pathname, record.lineno, type(error))
            now = time.monotonic()
            if now - self._last.get(key, -_EVERY) < _EVERY:
                return
            self._last[key] = now
            event, hint = self._event_from(error, self._client.options) if error else ({}, {})
            self._client.capture_event({**event, **_about(record)}, hint)
        except Exception:
            self.handleError(record)

    def stop(self, patience: float) -> None:
        """Send what waits and stop, in bounded time whatever Sentry does."""
        self._client.close(timeout=patience)


def init_app(settings: Settings) -> ErrorReports | None:
    """Report errors where a DSN is set; the application made last decides, as for the form of log lines."""
    root = logging.getLogger("app")
    for handler in [each for each in root.handlers if isinstance(each, ErrorReports)]:
        root.removeHandler(handler)
    if not settings.sentry_dsn:
        return None
    reports = ErrorReports(settings)
    root.addHandler(reports)
    return reports


def _about(record: logging.LogRecord) -> dict[str, Any]:
    """Return what is known of a line besides the error: its wording without what was filled in, and the ids."""
    found = logs.ids()
    rule = logs.route()
    about: dict[str, Any] = {
        "level": record.levelname.lower().replace("critical", "fatal"),
        "logger": record.name,
        "logentry": {"message": record.msg if isinstance(record.msg, str) else type(record.msg).__name__},
        "tags": found | ({"route": rule} if rule else {}),
    }
    return about | ({"transaction": rule} if rule else {})


def _redact(event: Any, _hint: Any) -> Any:
    for value in event.get("exception", {}).get("values", ()):
        value["value"] = _PRIVATE.sub("…", value.get("value") or "")
    return event
