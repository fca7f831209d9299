"""Commands that stand in the manifests, run by a shell."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import yaml

from app.jobs.presence import WorkerLock
from tests.unit.deployment.manifests import Manifest, named, pod
from tools import live


def _script(container: dict[str, Any], *replacements: tuple[str, Path]) -> list[str]:
    """The command of a container or probe, with other folders."""
    *start, script = container["command"]
    for old, new in replacements:
        assert old in script
        script = script.replace(old, str(new))
    return [*start, script]


def test_the_spool_is_emptied_when_its_container_is_stopped(production: list[Manifest], tmp_path: Path) -> None:
    (container,) = pod(named(production, "Deployment", "web"))["initContainers"]
    flask = tmp_path / "flask"
    flask.write_text(f'#!/bin/sh\necho "$*" >"{tmp_path}/asked"\nexit 3\n')
    flask.chmod(0o755)
    environ = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    waits = tmp_path / "waits"
    # in a group of its own, which ends with the pod
    process = subprocess.Popen(_script(container, ("/tmp/waits", waits)), env=environ, start_new_session=True)
    try:
        live.wait_until(waits.exists, 20, "the container waits")
        assert process.poll() is None
        assert not (tmp_path / "asked").exists()
        process.send_signal(signal.SIGTERM)
        # its result is that of the container
        assert process.wait(20) == 3
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)
    assert (tmp_path / "asked").read_text().startswith("--app wsgi predictions drain --wait ")
    probes = [container[name]["exec"]["command"] for name in ("startupProbe", "livenessProbe", "readinessProbe")]
    assert probes == [["test", "-e", "/tmp/waits"]] * 3


def test_a_worker_is_alive_while_it_holds_its_lock(production: list[Manifest], tmp_path: Path) -> None:
    (worker,) = pod(named(production, "Deployment", "worker"))["containers"]
    folder = tmp_path / "jobs" / "workers"
    command = _script(worker["livenessProbe"]["exec"], ("/data", tmp_path), ("/tmp/lock", tmp_path / "lock"))

    def alive() -> bool:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    folder.mkdir(parents=True)
    (folder / "another-pod-1-0000.lock").touch()
    assert not alive()
    lock = WorkerLock(folder)
    assert alive()
    lock.release()
    assert not alive()


def test_the_rules_of_prometheus_become_objects_of_its_operator(promtool: str, tmp_path: Path) -> None:
    guide = (live.PROJECT / "docs" / "how-to" / "kubernetes.md").read_text(encoding="utf-8")
    (block,) = [one for one in re.findall(r"^```sh\n(.*?)^```", guide, re.M | re.S) if "PrometheusRule" in one]
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f'#!/bin/sh\necho "$*" >"{tmp_path}/asked"\ncat\n')
    kubectl.chmod(0o755)
    environ = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh"], input=block, env=environ, cwd=live.PROJECT, capture_output=True, text=True, check=True
    )
    assert "apply --filename -" in (tmp_path / "asked").read_text()
    objects = list(yaml.safe_load_all(done.stdout))
    assert {one["kind"] for one in objects} == {"PrometheusRule"}
    for name, one in zip(("alerts", "slo"), objects, strict=True):
        assert one["metadata"]["name"] == f"ecopredict-{name}"
        rules = tmp_path / f"{name}.yml"
        rules.write_text(yaml.safe_dump(one["spec"]))
        subprocess.run([promtool, "check", "rules", rules], capture_output=True, check=True)
        assert one["spec"] == yaml.safe_load((live.PROJECT / "monitoring" / f"{name}.yml").read_text())
