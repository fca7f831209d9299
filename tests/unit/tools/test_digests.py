"""Digests that pin the images of Compose, asked of an engine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tools.live import PROJECT


def _fake_docker(folder: Path, digest: str) -> dict[str, str]:
    docker = folder / "docker"
    docker.write_text(f'#!/bin/sh\n[ "$1" != image ] || echo "{digest}"\n')
    docker.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "REDIS_IMAGE": "registry:5000/redis:7@sha256:old"}


def test_digests_are_printed_as_settings(tmp_path: Path) -> None:
    digest = "sha256:" + "0123456789abcdef" * 4
    done = subprocess.run(
        ["sh", PROJECT / "tools" / "digests.sh"],
        env=_fake_docker(tmp_path, f"somewhere/else@{digest}"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        f"PYTHON_IMAGE=python:3.11-slim-bookworm@{digest}",
        f"NGINX_IMAGE=nginx:1.28-alpine@{digest}",
        f"POSTGRES_IMAGE=postgres:17-bookworm@{digest}",
        f"REDIS_IMAGE=registry:5000/redis:7@{digest}",
    ]


def test_digests_of_the_images_that_are_named(tmp_path: Path) -> None:
    digest = "sha256:" + "0123456789abcdef" * 4
    done = subprocess.run(
        ["sh", PROJECT / "tools" / "digests.sh", "GRAFANA"],
        env=_fake_docker(tmp_path, f"somewhere/else@{digest}"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"GRAFANA_IMAGE=grafana/grafana-oss:11.3.0@{digest}\n"


def test_an_image_without_a_digest_is_an_error(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", PROJECT / "tools" / "digests.sh"],
        env=_fake_docker(tmp_path, "python:local"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "no digest of python:3.11-slim-bookworm" in done.stderr
