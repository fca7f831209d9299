"""tools/deploy.sh refuses arguments before it asks the cluster for anything."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tools.live import PROJECT

_IMAGES = [f"registry.example/eco@sha256:{'0' * 64}"] * 3


def _deploy(folder: Path, environment: str, url: str, **variables: str) -> tuple[int, str, bool]:
    program = folder / "kubectl"
    program.write_text('#!/bin/sh\necho "$@" >"$STATE/asked"\nexit 9\n')
    program.chmod(0o755)
    environ = {"PATH": os.environ["PATH"], "KUBECTL": str(program), "STATE": str(folder)}
    command = ["sh", str(PROJECT / "tools" / "deploy.sh"), environment, url, *_IMAGES]
    done = subprocess.run(command, env=environ | variables, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr, (folder / "asked").exists()


@pytest.mark.parametrize(
    "url", ["", "eco.example.org", "ftp://eco.example.org", "https://", "https:///x", "https://a b", "https://a\nb"]
)
def test_an_address_that_cannot_be_asked_is_refused(url: str, tmp_path: Path) -> None:
    code, error, asked = _deploy(tmp_path, "staging", url)
    assert code == 2
    assert "is no address of a site" in error
    assert not asked


@pytest.mark.parametrize(
    "url", ["https://eco.example.org", "http://127.0.0.1:8501/", "http://[::1]:8501", "https://Eco.example.org/eco/"]
)
def test_an_address_of_a_site_is_accepted(url: str, tmp_path: Path) -> None:
    code, error, asked = _deploy(tmp_path, "staging", url)
    assert (code, asked) == (9, True), error


def test_a_folder_elsewhere_is_no_overlay(tmp_path: Path) -> None:
    code, error, asked = _deploy(tmp_path, "../overlays/staging", "https://eco.example.org")
    assert (code, asked) == (2, False)
    assert "there is no overlay" in error


@pytest.mark.parametrize("name", ["SETUP_SECONDS", "ROLLOUT_SECONDS", "SMOKE_SECONDS"])
def test_a_limit_is_a_number(name: str, tmp_path: Path) -> None:
    variables = {name: "ten"}
    code, error, asked = _deploy(tmp_path, "staging", "https://eco.example.org", **variables)
    assert (code, asked) == (2, False)
    assert "ten is no number of seconds" in error
