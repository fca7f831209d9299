"""Gunicorn with the shipped settings, and nginx in front of it with the shipped configuration."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ml.training import train_species
from tests import live
from tests.services.conftest import WHEATEAR, call, predict
from tests.synthetic import synthetic_study


@pytest.fixture(scope="module")
def environ(workroom: Path, model_tree: Path) -> dict[str, str]:
    return live.prepare(workroom / "gunicorn", model_tree)


@pytest.fixture(scope="module")
def site(environ: dict[str, str]) -> Iterator[live.Site]:
    with live.serving(environ) as running:
        yield running


def test_two_workers_answer(site: live.Site) -> None:
    assert len(psutil.Process(site.program.process.pid).children()) == 2
    answer = predict(site.url)
    assert answer.status == 200, answer.body
    assert 0 <= answer.json["suitability"] <= 1
    assert call(f"{site.url}/predictions/{answer.json['id']}").status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_leaves_nothing_behind(environ: dict[str, str], number: signal.Signals) -> None:
    with live.serving(environ) as site:
        assert predict(site.url).status == 200
        master = psutil.Process(site.program.process.pid)
        family = [master, *master.children(recursive=True)]
        assert len(family) == 3
        assert site.program.stop(number) == 0, site.program.output()
        assert psutil.wait_procs(family, timeout=5)[1] == []
        assert not live.listens(site.program.port)


def test_metrics_add_up_over_workers(site: live.Site, promtool: str) -> None:
    def counted(of: str) -> float:
        text = call(f"{site.url}/metrics").body.decode()
        lines = [line for line in text.splitlines() if line.startswith(of)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    names = (
        "ecopredict_predictions_total{",
        "ecopredict_answers_total{",
        'ecopredict_requested_conditions_total{part="q',
    )
    before = [counted(of) for of in names]
    for i in range(12):
        assert predict(site.url, temperature=10 + i).status == 200
    # whichever worker answers, it reports what all of them counted; of the three conditions each is in some quarter
    for of, earlier, expected in zip(names, before, (12, 12, 36), strict=True):
        assert [counted(of) - earlier for _ in range(6)] == pytest.approx([expected] * 6)
    text = call(f"{site.url}/metrics").body
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr.decode() + checked.stdout.decode()


def test_activation_reaches_every_worker_at_its_next_request(site: live.Site, workroom: Path) -> None:
    before = predict(site.url).json["model"]["id"]
    study = synthetic_study(n_species=4, categorical=True)
    home = workroom / "newer"
    path = train_species(study, WHEATEAR, home, n_estimators=20, seed=7)
    target = site.data_dir / "models" / path.relative_to(home)
    shutil.copytree(path, target)
    live.flask(site.environ, "models", "register", target)
    assert {predict(site.url).json["model"]["id"] for _ in range(10)} == {before}
    live.flask(site.environ, "models", "activate", path.name)
    assert {predict(site.url).json["model"]["id"] for _ in range(20)} == {path.name}
    live.flask(site.environ, "models", "activate", before)
    assert {predict(site.url).json["model"]["id"] for _ in range(20)} == {before}


def test_a_bad_setting_is_one_line(environ: dict[str, str]) -> None:
    said = live.flask(environ | {"RATE_LIMIT": "often"}, "db", "current", fails=True)
    assert "RATE_LIMIT" in said
    assert "Traceback" not in said


@pytest.fixture(scope="module")
def front(site: live.Site, workroom: Path) -> Iterator[str]:
    with live.nginx(workroom / "nginx", site.program.port) as program:
        yield f"http://127.0.0.1:{program.port}"


def test_nginx_passes_requests_on(front: str) -> None:
    answer = predict(front)
    assert answer.status == 200, answer.body
    assert len(answer.headers["x-request-id"]) == 32
    assert answer.headers["server"] == "nginx"
    page = call(f"{front}/")
    assert page.status == 200
    assert "content-security-policy" in page.headers


def test_nginx_keeps_a_plain_request_id_and_no_other(front: str) -> None:
    assert call(f"{front}/health/live", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    odd = call(f"{front}/health/live", headers={"X-Request-ID": "a b<script>"}).headers["x-request-id"]
    assert len(odd) == 32


def test_nginx_limits_the_body_and_hides_metrics(front: str) -> None:
    assert call(f"{front}/api/v1/predictions", raw=b" " * (10 * 1024 * 1024)).status == 413
    between = call(f"{front}/api/v1/predictions", raw=b" " * (1536 * 1024))
    assert between.status == 413
    assert between.headers["content-type"].startswith("application/problem+json")
    assert call(f"{front}/metrics").status == 404


def test_nginx_serves_static_files(front: str) -> None:
    answer = call(f"{front}/static/css/tokens.css")
    assert (answer.status, answer.headers["content-type"].split(";")[0]) == (200, "text/css")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert call(f"{front}/static/../wsgi.py").status in (400, 404)
