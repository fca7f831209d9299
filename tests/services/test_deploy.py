"""A release against a served application: the smoke test, and what is done when it fails.

There is no cluster. A program that takes the place of kubectl records what it is asked for; kustomize is the real one.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.deployment import manifests
from tools import live, smoke
from tools.live import PROJECT

DIGEST = "sha256:" + "0123456789abcdef" * 4
IMAGES = tuple(f"registry.example/{name}@{DIGEST}" for name in ("eco", "eco-setup", "eco-front"))
# Revisions of Deployments are files below STATE. `apply` of everything makes new ones, as far as there are changes.
KUBECTL = r"""#!/bin/sh
[ "$1" = kustomize ] && exec "$REAL" "$@"
shift 2
echo "$*" >>"$STATE/log"
[ -z "${KUBECONFIG:-}" ] || { echo "$KUBECONFIG"; stat -c %a "$KUBECONFIG"; cat "$KUBECONFIG"; } >"$STATE/access"
case "$*" in
    "get deployment"*) cat "$STATE/$3" 2>/dev/null || : ;;
    "get job"*) cat "$STATE/job" ;;
    "apply"*--selector*) cp "$2" "$STATE/before.yaml" 2>/dev/null || cp "$3" "$STATE/before.yaml" ;;
    # where it fails, the revisions are not counted yet
    "apply"*) [ ! -e "$STATE/broken" ] || exit 1; for name in $CHANGED; do echo 8 >"$STATE/$name"; done ;;
    "rollout status"*)
        [ ! -e "$STATE/slow" ] || { rm "$STATE/slow"; touch "$STATE/waits"; exec sleep 60; }
        [ ! -e "$STATE/stuck" ] || { rm "$STATE/stuck"; exit 1; } ;;
    "rollout undo"*) name=${3#*/}; echo "$5" >"$STATE/$name" ;;
esac
"""


@pytest.fixture(scope="module")
def front(prepared: Path, workroom: Path) -> Iterator[live.Front]:
    environ = live.copy_site(prepared, workroom / "deployed")
    with (
        live.serving(environ, TRUSTED_PROXIES="1") as site,
        live.nginx(workroom / "nginx-deployed", site.program.port) as front,
    ):
        yield front


@pytest.fixture(scope="module")
def url(front: live.Front) -> str:
    return f"http://127.0.0.1:{front.port}"


@dataclass
class Cluster:
    state: Path
    start: Callable[..., subprocess.Popen[str]]

    def deploy(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **variables)
        output, errors = process.communicate(timeout=300)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    @property
    def log(self) -> str:
        return (self.state / "log").read_text()

    def revisions(self) -> list[str]:
        return [(self.state / name).read_text().strip() for name in ("front", "web", "worker")]


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    real = manifests.kubectl()
    if real is None:
        pytest.skip("kubectl is not installed; get it with `sh tools/venv.sh dev`, or 1.27 or later from your system")
    program = tmp_path / "kubectl"
    program.write_text(KUBECTL)
    program.chmod(0o755)
    for name in ("front", "web", "worker"):
        (tmp_path / name).write_text("7\n")
    (tmp_path / "job").write_text("Complete")
    environ = {
        **{name: value for name, value in os.environ.items() if name != "KUBECONFIG"},
        "KUBECTL": str(program),
        "REAL": real,
        "STATE": str(tmp_path),
        "CHANGED": "web worker",
        "SMOKE_SECONDS": "1",
        "SETUP_SECONDS": "0",
        "PYTHON": sys.executable,
    }

    def start(*arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["sh", str(PROJECT / "tools" / "deploy.sh"), *arguments],
            env=environ | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return Cluster(tmp_path, start)


# the smoke test


def test_a_served_site_passes(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert smoke.main([f"{url}/", "--wait", "0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["health: ready", "page: there", "metrics: not public"]
    assert re.fullmatch(r"prediction: [a-z-]+ \w+", lines[3])


def test_a_site_whose_metrics_are_public_fails(
    prepared: Path, workroom: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with live.serving(live.copy_site(prepared, workroom / "open")) as site:
        assert smoke.main([site.url, "--wait", "0"]) == 1
    assert "metrics are public" in capsys.readouterr().err


def test_nothing_at_the_address_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert smoke.main([f"http://127.0.0.1:{live.free_port()}", "--wait", "0"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("smoke: http://127.0.0.1:")
    assert error.count("\n") == 1
    with pytest.raises(SystemExit):
        smoke.main(["ftp://127.0.0.1"])


# a release


def test_a_release_migrates_first_and_ends_well(cluster: Cluster, url: str) -> None:
    done = cluster.deploy("production", url, *IMAGES)
    assert done.returncode == 0, done.stdout + done.stderr
    log = cluster.log
    order = ["delete job setup", "apply --filename", "get job setup", "rollout status deployment/front"]
    assert [log.index(part) for part in order] == sorted(log.index(part) for part in order)
    assert "rollout undo" not in log
    applied = (cluster.state / "before.yaml").read_text()
    assert applied.count(f"image: {IMAGES[0]}") >= 3
    assert applied.count(f"image: {IMAGES[1]}") == 2
    assert f"image: {IMAGES[2]}" in applied
    assert not list((PROJECT / "kubernetes").glob(".release-*/kubeconfig"))


def test_a_failed_migration_replaces_no_pod(cluster: Cluster, url: str) -> None:
    (cluster.state / "job").write_text("FailureTarget Failed")
    done = cluster.deploy("production", url, *IMAGES)
    assert done.returncode == 1
    assert "no pod was replaced" in done.stderr
    assert "rollout" not in cluster.log
    assert cluster.revisions() == ["7", "7", "7"]


def test_a_migration_that_does_not_end_replaces_no_pod(cluster: Cluster, url: str) -> None:
    (cluster.state / "job").write_text("")
    done = cluster.deploy("production", url, *IMAGES)
    assert done.returncode == 1
    assert "did not end in time" in done.stderr
    assert cluster.revisions() == ["7", "7", "7"]


def test_pods_that_do_not_become_ready_are_taken_back(cluster: Cluster, url: str) -> None:
    (cluster.state / "stuck").touch()
    done = cluster.deploy("production", url, *IMAGES)
    assert done.returncode == 1
    assert "the version from before answers again" in done.stderr
    assert cluster.log.count("rollout undo") == 3
    assert cluster.revisions() == ["7", "7", "7"]


def test_a_release_that_is_applied_in_part_is_taken_back(cluster: Cluster, url: str) -> None:
    (cluster.state / "broken").touch()
    done = cluster.deploy("production", url, *IMAGES)
    assert done.returncode == 1
    for name in ("front", "web", "worker"):
        assert f"rollout undo deployment/{name} --to-revision 7" in cluster.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_release_that_is_stopped_is_taken_back_and_leaves_no_access(
    cluster: Cluster, url: str, number: signal.Signals
) -> None:
    (cluster.state / "slow").touch()
    process = cluster.start("production", url, *IMAGES, KUBECONFIG_TEXT="kind: Config")
    live.wait_until((cluster.state / "waits").exists, 60, "the rollout is waited for")
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "it was stopped, going back" in errors
    assert cluster.revisions() == ["7", "7", "7"]
    path, *_ = (cluster.state / "access").read_text().splitlines()
    assert not Path(path).parent.exists()


def test_a_site_that_does_not_answer_is_taken_back(cluster: Cluster) -> None:
    done = cluster.deploy("staging", f"http://127.0.0.1:{live.free_port()}", *IMAGES)
    assert done.returncode == 1
    assert "THE VERSION FROM BEFORE DOES NOT ANSWER EITHER" in done.stderr
    assert cluster.revisions() == ["7", "7", "7"]


def test_a_first_release_has_nothing_to_go_back_to(cluster: Cluster) -> None:
    for name in ("front", "web", "worker"):
        (cluster.state / name).unlink()
    done = cluster.deploy("staging", f"http://127.0.0.1:{live.free_port()}", *IMAGES, CHANGED="front web worker")
    assert done.returncode == 1
    assert "web is new" in done.stderr
    assert "rollout undo" not in cluster.log


def test_the_access_to_the_cluster_is_a_private_file_that_is_removed(cluster: Cluster) -> None:
    (cluster.state / "job").write_text("Failed")
    done = cluster.deploy("staging", "http://127.0.0.1:9", *IMAGES, KUBECONFIG_TEXT="kind: Config\nusers: []")
    assert done.returncode == 1
    path, *rest = (cluster.state / "access").read_text().splitlines()
    assert rest == ["600", "kind: Config", "users: []"]
    assert not Path(path).parent.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere", "http://x", *IMAGES), "there is no overlay nowhere"),
        (("staging", "http://x", "registry.example/eco:0.2.0", *IMAGES[1:]), "has no digest"),
        (("staging", "http://x", f"evil\n{IMAGES[0]}", *IMAGES[1:]), "has no digest"),
        (("staging",), "usage:"),
    ],
)
def test_bad_arguments_are_refused(cluster: Cluster, arguments: tuple[str, ...], message: str) -> None:
    done = cluster.deploy(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (cluster.state / "log").exists()
