"""Error reports to Sentry. The package sentry_sdk is imported only where SENTRY_DSN is set.

Every log record of level ERROR is reported with the type of the error, its place in the code and the route. A report
contains no address, header, body or variable, and no number, quoted text, URL or mail address from a message.
"""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING, Any

from app.config.settings import Settings
from app.config.version import app_version
from app.telemetry import logs

if TYPE_CHECKING:
    from sentry_sdk.types import Event

# Seconds between two reports of the same error: without a database every request fails.
_EVERY = 1.0
# A message may quote input, an address or a row of the database.
_PRIVATE = re.compile(r"'[^']*'|\"[^\"]*\"|\([^()]*\)|\S+://\S*|\S+@\S+|\d[\w.,:+-]*")


class ErrorReports(logging.Handler):
    """A log handler that reports errors to Sentry."""

    def __init__(self, settings: Settings) -> None:
        from sentry_sdk import Client
        from sentry_sdk.utils import event_from_exception

        super().__init__(logging.ERROR)
        self._event_from = event_from_exception
        # No integrations: each patches a library, and their reports of a request contain private data.
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
        """Report a record from the background thread of sentry_sdk. Without Sentry the report is lost."""
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
        """Send waiting reports and stop within a time limit."""
        self._client.close(timeout=patience)


def init_app(settings: Settings) -> ErrorReports | None:
    """Report errors where a DSN is set. The last application of a process decides, as for the log format."""
    root = logging.getLogger("app")
    for handler in [each for each in root.handlers if isinstance(each, ErrorReports)]:
        root.removeHandler(handler)
    if not settings.sentry_dsn:
        return None
    reports = ErrorReports(settings)
    root.addHandler(reports)
    return reports


def _about(record: logging.LogRecord) -> dict[str, object]:
    """Return the event of a record without its error: the message without its arguments, the route and the ids."""
    rule = logs.route()
    about: dict[str, object] = {
        "level": record.levelname.lower().replace("critical", "fatal"),
        "logger": record.name,
        "logentry": {"message": record.msg if isinstance(record.msg, str) else type(record.msg).__name__},
        "tags": logs.ids() | ({"route": rule} if rule else {}),
    }
    return about | ({"transaction": rule} if rule else {})


def _redact(event: Event, _hint: object) -> Event:
    for value in event.get("exception", {}).get("values", ()):
        value["value"] = _PRIVATE.sub("…", value.get("value") or "")
    return event
