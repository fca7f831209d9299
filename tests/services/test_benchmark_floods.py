"""The benchmark of floods: a short run, its options, its report."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import islice

import pytest

from benchmarks.floods.__main__ import main
from benchmarks.floods.kinds import FLOODS, Target, requests_of
from benchmarks.floods.report import Round, tables
from tools import live


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.floods", *arguments]
    return subprocess.run(command, cwd=live.PROJECT, capture_output=True, text=True, check=False)


@pytest.mark.thorough
def test_a_short_run_refuses_the_attacker_and_answers_the_victim() -> None:
    done = _run("--rounds", "1", "--seconds", "0.5", "--trees", "20", "--floods", "none,openapi-etag,health")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    (calm, _) = [line for line in lines if line.startswith("| no flood |")]
    assert re.fullmatch(r"\| no flood \| \d+\.\d \| \d+\.\d \|  \|", calm)
    (_, attack) = [line for line in lines if line.startswith(f"| {FLOODS['openapi-etag']} |")]
    assert re.search(r"\| 304: [\d.]+ of 0\.\d KiB, 429: [\d,.]+ of \d\.\d KiB \| \d+ \|$", attack), attack
    assert "the victim's responses were" not in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [["--floods", "nothing"], ["--floods", ","], ["--rounds", "0"], ["--seconds", "0"], ["--against", "/none"]],
)
def test_bad_input_is_one_line_and_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("python -m benchmarks.floods: error: ")


@pytest.mark.parametrize("kind", [name for name in FLOODS if name != "none"])
def test_every_kind_of_flood_makes_requests(kind: str) -> None:
    target = Target("species", {"bio1": (0.0, 1.0)})
    for request in islice(requests_of(kind, target, 1), 3):
        head, _, body = request.partition(b"\r\n\r\n")
        assert re.match(rb"(GET|POST) /\S* HTTP/1\.1\r\nHost: 127\.0\.0\.1(\r\n|$)", head)
        if body:
            assert f"Content-Length: {len(body)}".encode() in head
            assert len(body) < 1024 * 1024
            json.loads(body)


def test_versions_are_compared_within_rounds() -> None:
    # both halve in the second round, as on a machine that others use
    results = {
        "none": {
            "before": [Round(5, 9, 200), Round(10, 18, 210)],
            "ecopredict": [Round(5, 9, 150), Round(10, 18, 150)],
        },
        "openapi": {
            "before": [Round(100, 200, 500, {"503": 2}, {"200": 12.0}, {"200": 80 * 1024}), Round(200, 400, 400)],
            "ecopredict": [Round(10, 20, 150, {}, {"200": 1.0, "429": 2000.0}, {"429": 512}), Round(20, 40, 160)],
        },
    }
    text = "\n".join(tables(results))
    assert "| `GET /openapi.json` | 150.0 | 15.0 | 300.0 | 30.0 | 10.00 (10.00–10.00) | 10.00 (10.00–10.00) |" in text
    assert "| 20.00 (20.00–20.00) | 2.00 (2.00–2.00) |" in text
    assert "| `GET /openapi.json` | 200: 6.0 of 80.0 KiB | 200: 0.5, 429: 1,000.0 of 0.5 KiB | 500 | 160 |" in text
    assert "- openapi, before: the victim's responses were 2 times 503 instead of 200" in text
    alone = {kind: {"ecopredict": versions["ecopredict"]} for kind, versions in results.items()}
    assert "before" not in "\n".join(tables(alone))
