"""What `kubectl kustomize` makes of the overlays of kubernetes/."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tools.live import PROJECT

KUBERNETES = PROJECT / "kubernetes"
SCRIPTS = Path(sysconfig.get_paths()["scripts"])
OVERLAYS = ("development", "staging", "production")
Manifest = dict[str, Any]


def kubectl() -> str | None:
    """The kubectl of the development requirements, or that of the system."""
    own = SCRIPTS / "kubectl"
    return str(own) if own.exists() else shutil.which("kubectl")


def build(folder: Path) -> list[Manifest]:
    program = kubectl()
    assert program is not None
    done = subprocess.run([program, "kustomize", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # warnings of kustomize, for example about fields that will go
    assert done.stderr == ""
    return list(yaml.safe_load_all(done.stdout))


@functools.cache
def overlay(name: str) -> list[Manifest]:
    return build(KUBERNETES / "overlays" / name)


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    return [one for one in manifests if one["kind"] in kinds]


def named(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = (one for one in of_kind(manifests, kind) if one["metadata"]["name"] == name)
    return found


def config(manifests: list[Manifest], name: str) -> dict[str, str]:
    """The content of a ConfigMap, whose name ends with a hash."""
    (found,) = (one for one in of_kind(manifests, "ConfigMap") if one["metadata"]["name"].rpartition("-")[0] == name)
    return found["data"]


def workloads(manifests: list[Manifest]) -> list[Manifest]:
    """Return all that makes pods, of whatever kind."""
    return [one for one in manifests if _template(one) is not None or one["kind"] == "Pod"]


def _template(manifest: Manifest) -> Any:
    spec = manifest.get("spec") or {}
    return (spec.get("jobTemplate") or {}).get("spec", spec).get("template") if isinstance(spec, dict) else None


def pod(workload: Manifest) -> dict[str, Any]:
    template = _template(workload)
    return workload["spec"] if template is None else template["spec"]


def containers(workload: Manifest) -> Iterator[dict[str, Any]]:
    spec = pod(workload)
    yield from spec.get("initContainers", [])
    yield from spec["containers"]


def runs_on(container: dict[str, Any]) -> bool:
    """Whether a container runs until it is stopped: not one of a job, and not one that prepares something."""
    return "startupProbe" in container or container.get("restartPolicy") == "Always"


def select(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Whether a selector of a policy takes a pod with these labels."""
    wanted = selector.get("matchLabels", {}).items()
    listed = selector.get("matchExpressions", [])
    assert all(one["operator"] == "In" for one in listed)
    return wanted <= labels.items() and all(labels.get(one["key"]) in one["values"] for one in listed)
