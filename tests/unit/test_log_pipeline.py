"""What Filebeat does with the lines of the application: the rules of its file, applied to lines of the real formatter.

Filebeat itself is not run. The rules are read from the file: the decoded field, the layouts of times, and the names.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from app import create_app
from app.telemetry import logs
from tests.contract.conftest import make_settings
from tools.live import PROJECT

CONFIG: dict[str, Any] = yaml.safe_load((PROJECT / "monitoring" / "filebeat.yml").read_text())
PROCESSORS: dict[str, dict[str, Any]] = {name: rule for one in CONFIG["processors"] for name, rule in one.items()}
NAMES = {rule["from"]: rule["to"] for rule in PROCESSORS["rename"]["fields"]}
TRACE = "0af7651916cd43dd8448eb211c80319c"
ALWAYS = {"log.level", "log.logger", "ecopredict.message"}
REQUEST = {"http.request.id", "http.request.method", "ecopredict.route", "http.response.status_code"}
REQUEST |= {"ecopredict.latency_ms"}


def event(line: str) -> dict[str, Any]:
    """Return the fields of a line after the decoder and the names of the file."""
    rule = PROCESSORS["decode_json_fields"]
    assert (rule["fields"], rule["max_depth"]) == (["message"], 1)
    decoded = json.loads(line)
    # one level is decoded, so that a member with members would stay text
    assert not any(isinstance(value, dict | list) for value in decoded.values())
    fields = {f"{rule['target']}.{name}": value for name, value in decoded.items()}
    return {NAMES.get(name, name): value for name, value in fields.items()}


def lines(tmp_path: Path) -> dict[str, str]:
    """Return one line of each kind that the reference documents, as the application writes it."""
    app = create_app(make_settings(tmp_path, environment="production", allowed_hosts=("localhost",)))
    written: dict[str, str] = {}

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written["latest"] = self.format(record)

    keep = Keep()
    keep.setFormatter(logs.formatter("production"))
    logging.getLogger("app").addHandler(keep)
    try:
        client = app.test_client()
        client.get("/docs", headers={"X-Request-ID": "abc-1", "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
        request = written["latest"]
        with app.test_request_context("/docs"), app.app_context():
            app.preprocess_request()
            logs.note(model="m-1", version=2, cache="redis")
            app.process_response(app.response_class(status=200))
            prediction = written["latest"]
        logging.getLogger("app.jobs").warning("the jobs cannot be counted: %s", "OperationalError\nforged")
        warning = written["latest"]
        try:
            raise ValueError("no")
        except ValueError:
            logging.getLogger("app").error("failed", exc_info=sys.exc_info())
        error = written["latest"]
        server = logs.formatter("production").format(
            logging.LogRecord("gunicorn.error", logging.INFO, "", 0, "Booting worker with pid: %s", (7,), None)
        )
    finally:
        logging.getLogger("app").removeHandler(keep)
    return {"request": request, "prediction": prediction, "warning": warning, "error": error, "server": server}


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    found = lines(tmp_path_factory.mktemp("logs"))
    assert all("\n" not in line for line in found.values())
    return {kind: event(line) for kind, line in found.items()}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("request", ALWAYS | REQUEST | {"trace.id"}),
        ("prediction", ALWAYS | REQUEST | {"ecopredict.cache", "ecopredict.model", "ecopredict.version"}),
        ("warning", ALWAYS),
        ("error", ALWAYS | {"error.stack_trace"}),
        ("server", ALWAYS),
    ],
)
def test_a_line_has_the_fields_of_the_reference(events: dict[str, dict[str, Any]], kind: str, fields: set[str]) -> None:
    found = events[kind]
    assert set(found) == fields | {"ecopredict.time"}
    if kind == "request":
        assert (found["http.request.id"], found["trace.id"]) == ("abc-1", TRACE)
        assert isinstance(found["http.response.status_code"], int)
    if kind == "error":
        assert "ValueError" in found["error.stack_trace"]


def test_the_time_of_every_line_has_a_layout_of_the_file(events: dict[str, dict[str, Any]]) -> None:
    rule = PROCESSORS["timestamp"]
    assert rule["field"] == "ecopredict.time"
    # Go's reference time, with as many digits of the second as there are
    patterns = [re.escape(layout) for layout in rule["layouts"]]
    patterns = [one.replace(r"\.999999", r"\.\d{1,6}").replace(r"\-07:00", r"[+-]\d\d:\d\d") for one in patterns]
    patterns = [re.sub(r"2006|01|02|15|04|05", lambda digits: rf"\d{{{len(digits[0])}}}", one) for one in patterns]
    for time in [*rule["test"], *(found["ecopredict.time"] for found in events.values())]:
        assert datetime.fromisoformat(time).utcoffset() is not None
        assert any(re.fullmatch(pattern, time) for pattern in patterns), time


def test_every_documented_member_has_a_line_here(events: dict[str, dict[str, Any]]) -> None:
    text = (PROJECT / "docs" / "reference" / "logs.md").read_text()
    table = text.split("| field | present |")[1].split("\n\n")[0]
    documented = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    seen = {name for found in events.values() for name in found}
    assert {NAMES.get(f"ecopredict.{name}", f"ecopredict.{name}") for name in documented} == seen
