"""Where work goes: the same models from this machine's processes and from a Dask cluster."""

import os
import socket
import subprocess
import sys

import pytest
from distributed import LocalCluster
from joblib import Parallel, delayed, parallel_config

import ml.workers
from ml.__main__ import main
from ml.training.provenance import TrainingOptions
from ml.training.train import train_study
from ml.workers import SchedulerError, workers
from tests.synthetic import synthetic_study
from tests.unit.ml.benchmark.fake_regions import NZ, make_region
from tests.variants import thorough

QUICK = TrainingOptions(n_estimators=20, n_folds=3, n_networks=1)


def _cluster(n_workers):
    return LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=":0",
    )


@pytest.fixture(scope="module")
def cluster():
    with _cluster(2) as two:
        yield two


def _trained(models):
    return {one.species: one.path.name for one in train_study(synthetic_study(), models, QUICK)}


@pytest.mark.thorough
def test_a_cluster_trains_the_models_that_this_machine_trains(cluster, tmp_path):
    with workers(2):
        here = _trained(tmp_path / "here")
    with workers(2, cluster.scheduler_address):
        there = _trained(tmp_path / "there")
    # an id is a hash of all that is stored
    assert here == there
    assert len(here) == 3
    assert None not in here.values()


def test_a_cluster_predicts_the_benchmark_alike(cluster, tmp_path, capsys):
    make_region(tmp_path, "NZ", NZ, own_files=False)
    for name, more in (("here", []), ("there", ["--scheduler", cluster.scheduler_address])):
        out = str(tmp_path / name)
        command = ["benchmark", "--data", str(tmp_path), "--regions", "NZ", "--output", out, "--jobs", "1"]
        assert main([*command, "--trees", "20", *more]) == 0
    here, there = ((tmp_path / name / "predictions.csv").read_bytes() for name in ("here", "there"))
    assert here == there


def test_work_goes_to_the_cluster_and_back_to_this_process_afterwards(cluster):
    with workers(1, cluster.scheduler_address):
        far = set(Parallel()(delayed(os.getpid)() for _ in range(20)))
    assert os.getpid() not in far
    assert len(far) <= 2
    with workers(1):
        assert set(Parallel()(delayed(os.getpid)() for _ in range(3))) == {os.getpid()}


def test_an_address_where_nothing_listens_is_told(monkeypatch):
    monkeypatch.setattr(ml.workers, "_CONNECT_S", 1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SchedulerError, match=f"no Dask scheduler answers at {address}"), workers(1, address):
            pass


@pytest.mark.parametrize("address", ["nonsense://127.0.0.1:1", thorough("tls://127.0.0.1:1")])
def test_an_address_of_another_kind_is_one_line(tmp_path, address):
    """In a process of its own: what a half-made client says comes when it is collected, at the very end."""
    make_region(tmp_path, "NZ", NZ, own_files=False)
    arguments = ["benchmark", "--data", str(tmp_path), "--regions", "NZ", "--output", str(tmp_path / "out")]
    command = [sys.executable, "-m", "ml", *arguments, "--scheduler", address]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr == (
        f"python -m ml benchmark: {address} is not the address of a Dask scheduler, such as tcp://10.0.0.5:8786\n"
    )


def test_the_command_says_in_one_line_that_nobody_answers(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(ml.workers, "_CONNECT_S", 1)
    make_region(tmp_path, "NZ", NZ, own_files=False)
    arguments = ["benchmark", "--data", str(tmp_path), "--regions", "NZ", "--output", str(tmp_path / "out")]
    assert main([*arguments, "--scheduler", "tcp://127.0.0.1:1"]) == 2
    assert "no Dask scheduler answers at tcp://127.0.0.1:1" in capsys.readouterr().err
    assert not (tmp_path / "out" / "predictions.csv").exists()


def test_a_scheduler_without_workers_is_told():
    with _cluster(0) as nobody:
        address = nobody.scheduler_address
        with pytest.raises(SchedulerError, match=f"the scheduler at {address} has no workers"), workers(1, address):
            pass


def test_an_error_inside_leaves_the_backend_as_it_was(cluster):
    with parallel_config(backend="threading", n_jobs=1):
        with pytest.raises(ZeroDivisionError), workers(2, cluster.scheduler_address):
            1 / 0  # noqa: B018
        assert Parallel()(delayed(len)("abc") for _ in range(2)) == [3, 3]
