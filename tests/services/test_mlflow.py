"""Trainings logged to a real MLflow server: by the command, and by a job of the service."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml.serving.artifact import load_artifact, read_card
from ml.tracking.address import parse
from ml.tracking.tracker import Tracked, Tracker
from ml.training.train import train_species
from tests import mlflow_server, own_study
from tests.contract.conftest import upgrade
from tests.contract.trainings.conftest import open_app, start_worker
from tests.mlflow_server import Mlflow
from tests.synthetic import recorded_study
from tools.live import PROJECT, forks
from tools.live.ports import free_port

SLUG = "oenanthe-hispanica"
QUICK = ["--trees", "20", "--folds", "2", "--jobs", "1"]


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mlflow]:
    with mlflow_server.serving(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


def test_a_run_has_parameters_metrics_card_and_files(mlflow: Mlflow, tmp_path: Path) -> None:
    model = train_species(recorded_study(100, 200), SLUG, tmp_path, 30, 3, n_networks=1)
    with Tracker(parse(mlflow.url), patience=60) as tracker:
        tracker.add(model)
    assert tracker.close() == Tracked(1, 0)
    card = read_card(model)
    (run,) = mlflow.runs(f"ecopredict/{card.study.slug}")
    assert run["info"]["status"] == "FINISHED"
    assert run["info"]["run_name"] == SLUG
    assert run["info"]["start_time"] <= run["info"]["end_time"]
    assert run["tags"]["ecopredict.model_id"] == model.name
    assert run["params"]["n_estimators"] == "30"
    assert run["params"]["seed"] == str(card.training.seed)
    assert run["params"]["data_fingerprint"] == card.training.data_fingerprint
    assert run["metrics"]["auc_roc"] == card.metrics["auc_roc"].value
    for name, value in card.importance.items():
        assert run["metrics"][f"importance.{name}"] == value
    # the files are the model: it opens and has the same id
    copy = run["files"] / "model"
    assert {file.name: file.read_bytes() for file in copy.iterdir()} == {
        file.name: file.read_bytes() for file in model.iterdir()
    }
    assert load_artifact(copy).model_id == model.name


def test_without_places_neither_card_nor_files_are_sent(mlflow: Mlflow, tmp_path: Path) -> None:
    model = train_species(recorded_study(90, 200), SLUG, tmp_path, 20, 3, n_networks=1)
    with Tracker(parse(mlflow.url), has_places=False, patience=60) as tracker:
        tracker.add(model)
    assert tracker.close() == Tracked(1, 0)
    runs = mlflow.runs(f"ecopredict/{read_card(model).study.slug}")
    (run,) = [run for run in runs if run["tags"]["ecopredict.model_id"] == model.name]
    assert "auc_roc" in run["metrics"]
    assert "data_fingerprint" not in run["params"]
    assert not run["files"].exists()


@pytest.fixture
def own_files(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    for name, content in own_study.files().items():
        (folder / name).write_bytes(content)
    return folder


def train(folder: Path, models: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    arguments = ["train", "--records", str(folder / "records.csv"), "--layers", str(folder), "--output", str(models)]
    process = forks.start("ml", *arguments, *QUICK, cwd=PROJECT, environ={**os.environ, **environ})
    output, errors = process.communicate(timeout=300)
    return subprocess.CompletedProcess(arguments, process.returncode or 0, output, errors)


def test_the_command_logs_new_models_once_and_goes_on_without_the_server(
    mlflow: Mlflow, own_files: Path, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    first = train(own_files, models, MLFLOW_TRACKING_URI=mlflow.url)
    assert first.returncode == 0, first.stderr
    assert "MLflow: 1 model logged" in first.stdout
    card = read_card(next(models.glob("*/*/*")))
    (run,) = mlflow.runs(f"ecopredict/{card.study.slug}")
    assert run["params"]["n_presences"] == str(card.n_presences)
    # the model is there already
    second = train(own_files, models, MLFLOW_TRACKING_URI=mlflow.url)
    assert second.returncode == 0 and "MLflow" not in second.stdout
    assert len(mlflow.runs(f"ecopredict/{card.study.slug}")) == 1
    # a server that is down: the same model, and a line that says so without the password
    down = train(own_files, tmp_path / "again", MLFLOW_TRACKING_URI=f"http://eco:hush@127.0.0.1:{free_port()}")
    assert down.returncode == 0, down.stderr
    assert "MLflow: 1 of 1 model not logged (ConnectionError)" in down.stdout
    assert "hush" not in down.stdout + down.stderr
    assert next((tmp_path / "again").glob("*/*/*")).name == next(models.glob("*/*/*")).name
    wrong = train(own_files, models, MLFLOW_TRACKING_URI="hush://h")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("python -m ml train: MLFLOW_TRACKING_URI: expected")


def metric(client, outcome: str) -> float:
    text = client.get("/metrics").get_data(as_text=True)
    found = re.search(rf'^ecopredict_mlflow_models_total{{outcome="{outcome}"}} (\S+)$', text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_a_job_logs_its_models_and_counts_them(mlflow: Mlflow, tmp_path: Path) -> None:
    app = open_app(tmp_path)
    upgrade(app)
    client = app.test_client()
    own_study.upload(client, counts={"Lacerta ficta": 60})
    api = "/api/v1/studies/made-lizards"
    secret = f"http://eco:hush@127.0.0.1:{mlflow.url.rpartition(':')[2]}"
    down = f"http://eco:hush@127.0.0.1:{free_port()}"
    logs = []
    # with the server, without it, and with a sensitive species
    for number, uri in enumerate((secret, down, secret)):
        if number == 2:
            marked = client.put(f"{api}/sensitive-species", json={"species": "Lacerta ficta", "grid_km": 10})
            assert marked.status_code in (200, 201), marked.json
        response = client.post(f"{api}/trainings", json=own_study.quick(seed=number))
        assert response.status_code == 202, response.json
        worker = start_worker(app, JOBLIB_MULTIPROCESSING="0", MLFLOW_TRACKING_URI=uri)
        output = "".join(worker.communicate(timeout=400))
        assert worker.returncode == 0, output
        job = client.get(response.headers["Location"]).json
        assert job["state"] == "succeeded", job
        logs.append(client.get(f"{response.headers['Location']}/log").get_data(as_text=True))
        assert "hush" not in output + logs[-1] + json.dumps(job)
    assert "MLflow: 1 model logged" in logs[0]
    assert "MLflow: 1 of 1 model not logged (ConnectionError)" in logs[1]
    assert (metric(client, "logged"), metric(client, "not_logged")) == (2.0, 1.0)
    with_card = {run["params"]["seed"]: run["files"].exists() for run in mlflow.runs("ecopredict/made-lizards")}
    assert with_card == {"0": True, "2": False}
