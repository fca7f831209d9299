"""Requests to ``python -m ml workbench`` that are not requests."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from app.config.settings import PROJECT

INSPECT = {"operation": "inspect"}
PAYLOAD = {"folder": "/nowhere", "recipe": {"title": "T"}, "files": []}


@pytest.mark.parametrize(
    ("request_text", "words"),
    [
        ("", "not JSON"),
        ("[]", "operation"),
        ('"x"', "operation"),
        ("null", "operation"),
        ('{"operation": ["inspect"], "payload": {}}', "operation"),
        (json.dumps(INSPECT), "payload"),
        (json.dumps({**INSPECT, "payload": []}), "payload"),
        (json.dumps({**INSPECT, "payload": {}}), "'folder'"),
        (json.dumps({**INSPECT, "payload": {"folder": "/tmp", "name": "../etc/passwd"}}), "plain file name"),
        (json.dumps({**INSPECT, "payload": {"folder": "/tmp", "name": 3}}), "name must be a text"),
        (json.dumps({"operation": "layers", "payload": {**PAYLOAD, "files": None}}), "files must be a list"),
        (json.dumps({"operation": "layers", "payload": {**PAYLOAD, "recipe": "x"}}), ""),
        (json.dumps({"operation": "pictures", "payload": {**PAYLOAD, "pictures": None}}), "pictures must be a list"),
    ],
)
def test_nonsense_is_one_line(request_text: str, words: str) -> None:
    command = [sys.executable, "-m", "ml", "workbench"]
    done = subprocess.run(command, cwd=PROJECT, input=request_text, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("python -m ml workbench: ")
    assert words in line
