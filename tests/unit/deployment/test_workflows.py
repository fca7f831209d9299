"""The workflows: valid, with few rights, with pinned actions, and with steps that run elsewhere too."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.deployment.manifests import SCRIPTS
from tools.live import PROJECT

FOLDER = PROJECT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
SUITE = "$/.github/workflows/suite.yml"
# `on` is a boolean in YAML 1.1
WORKFLOWS: dict[str, dict[Any, Any]] = {path.stem: yaml.safe_load(path.read_text()) for path in FILES}


def _run(*command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}", **variables}
    return subprocess.run(
        list(map(str, command)), cwd=PROJECT, env=environ, capture_output=True, text=True, check=False
    )


def _passes(*command: str | Path) -> None:
    done = _run(*command)
    assert done.returncode == 0, done.stdout + done.stderr


def _jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, workflow in WORKFLOWS.items():
        for job, content in workflow["jobs"].items():
            yield f"{name}.{job}", content


def _steps() -> Iterator[dict[str, Any]]:
    for _, job in _jobs():
        yield from job.get("steps", [])


# validators


def test_workflows_keep_to_their_schema() -> None:
    _passes(SCRIPTS / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *FILES)
    dependabot = PROJECT / ".github" / "dependabot.yml"
    _passes(SCRIPTS / "check-jsonschema", "--builtin-schema", "vendor.dependabot", dependabot)


def test_workflows_pass_actionlint() -> None:
    """It also passes each step to shellcheck."""
    assert (SCRIPTS / "shellcheck").exists()
    _passes(SCRIPTS / "actionlint", "-color=false", *FILES)


def test_workflows_pass_zizmor() -> None:
    _passes(SCRIPTS / "zizmor", "--offline", "--no-progress", PROJECT / ".github")


def test_scripts_pass_shellcheck() -> None:
    scripts = [*sorted((PROJECT / "tools").glob("*.sh")), *sorted((PROJECT / "nginx").glob("*.sh"))]
    _passes(SCRIPTS / "shellcheck", PROJECT / ".ci" / "run", *scripts)


# rights


def test_rights_are_given_to_jobs_and_are_few() -> None:
    for workflow in WORKFLOWS.values():
        assert workflow["permissions"] == {}
    more = {name: job["permissions"] for name, job in _jobs() if job["permissions"] != {"contents": "read"}}
    assert more == {
        "release.publish": {"contents": "read", "packages": "write", "id-token": "write", "attestations": "write"},
        "release.notes": {"contents": "write"},
    }


def test_jobs_have_time_limits() -> None:
    # a job that calls a workflow has those of its jobs
    assert all(job["timeout-minutes"] <= 90 for _, job in _jobs() if "uses" not in job)


def test_actions_are_pinned_by_commit_and_leave_no_credentials() -> None:
    text = "".join(path.read_text() for path in FILES)
    for line in re.findall(r"uses: (?!\$/)(.*)$", text, re.MULTILINE):
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line
    for step in _steps():
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_nothing_of_a_request_is_inserted_into_a_script() -> None:
    for step in _steps():
        assert "${{" not in step.get("run", ""), step


def test_secrets_are_for_a_registry_and_for_environments() -> None:
    used = {
        name: set(re.findall(r"secrets\.(\w+)", yaml.safe_dump(job))) for name, job in _jobs() if "secrets." in str(job)
    }
    assert used == {
        "release.publish": {"GITHUB_TOKEN"},
        "release.staging": {"KUBECONFIG"},
        "release.production": {"KUBECONFIG"},
        "deploy.deploy": {"KUBECONFIG"},
    }
    for name in set(used) - {"release.publish"}:
        assert "environment" in dict(_jobs())[name]
    # code of a pull request runs without them
    assert not [name for name in used if name.startswith("test.")]


# tests


def test_changes_nights_and_releases_run_the_same_jobs_of_tests() -> None:
    calls = {name: job["with"]["tests"] for name, job in _jobs() if job.get("uses") == SUITE}
    assert calls == {"test.test": "test", "thorough.test": "thorough", "release.test": "thorough"}
    jobs = WORKFLOWS["suite"]["jobs"]
    last = jobs["test"]["steps"][-1]
    assert (last["run"], last["env"]) == ('make "$TESTS"', {"TESTS": "${{ inputs.tests }}"})
    assert set(calls.values()) <= set(re.findall(r"^(\w+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert jobs["containers"]["if"] == "inputs.tests == 'thorough'"
    assert jobs["containers"]["steps"][-1]["run"] == "make containers"


# the order of a release


def test_a_release_is_scanned_before_it_is_published_and_staged_before_production() -> None:
    jobs = WORKFLOWS["release"]["jobs"]
    commands = [step.get("run", step.get("uses", "")) for step in jobs["publish"]["steps"]]
    order = ["release.py check", "build_images.sh", "scan_images.sh", "docker login", "push_images.sh", "attest-build"]
    places = [next(number for number, one in enumerate(commands) if part in one) for part in order]
    assert places == sorted(places)
    assert sum("attest-build-provenance" in one for one in commands) == 3
    assert jobs["publish"]["needs"] == "test"
    # all tests and the walk through the containers
    assert (jobs["test"]["uses"], jobs["test"]["with"]) == (SUITE, {"tests": "thorough"})
    assert jobs["staging"]["needs"] == "publish"
    assert set(jobs["production"]["needs"]) == {"publish", "staging"}
    for name in ("staging", "production"):
        assert jobs[name]["environment"] == name
        assert f"tools/deploy.sh {name} " in jobs[name]["steps"][-1]["run"]
        assert (PROJECT / "kubernetes" / "overlays" / name).is_dir()


def test_scripts_of_steps_exist() -> None:
    named = {path for step in _steps() for path in re.findall(r"tools/[\w./]+", step.get("run", ""))}
    assert named >= {"tools/deploy.sh", "tools/scan_packages.sh", "tools/release.py", "tools/actions.sh"}
    assert not [path for path in named if not (PROJECT / path).is_file()]


def test_the_packages_of_tests_are_those_of_ci() -> None:
    listed = set(re.findall(r"missing\+=\((\S+)\)", (PROJECT / ".ci" / "run").read_text()))
    installed = re.search(r"--no-install-recommends (.*) >/dev/null", (PROJECT / "tools" / "packages.sh").read_text())
    assert installed
    assert set(installed[1].split()) == listed


# tools


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, str]:
    """A folder with the repository of an action, and the commit of its tag."""
    place = tmp_path / "actions" / "some"
    place.mkdir(parents=True)
    git = ["git", "-C", place, "-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
    for arguments in (
        ["init", "-q"],
        ["commit", "-q", "--allow-empty", "-m", "one"],
        ["tag", "-a", "v1.2.3", "-m", "x"],
    ):
        subprocess.run([*git, *arguments], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    return tmp_path, commit.stdout.strip()


def test_a_pin_that_is_not_its_tag_is_found(repository: tuple[Path, str], tmp_path: Path) -> None:
    base, commit = repository
    workflow = tmp_path / "one.yml"
    workflow.write_text(f"      - uses: actions/some@{commit} # v1.2.3\n")
    done = _run("sh", "tools/actions.sh", tmp_path, GIT_BASE=str(base))
    assert (done.returncode, done.stdout) == (0, f"actions/some v1.2.3: {commit}\n")
    workflow.write_text(f"      - uses: actions/some@{'0' * 40} # v1.2.3\n")
    done = _run("sh", "tools/actions.sh", tmp_path, GIT_BASE=str(base))
    assert done.returncode == 1
    assert f"v1.2.3 is {commit}" in done.stderr
    workflow.write_text("      - uses: actions/some@v1\n")
    assert _run("sh", "tools/actions.sh", tmp_path, GIT_BASE=str(base)).returncode == 1


DIGEST = "sha256:" + "0123456789abcdef" * 4


def test_images_are_sent_and_named_by_the_digest_of_the_registry(tmp_path: Path) -> None:
    """The engine's own digests of other names are not taken."""
    docker = tmp_path / "docker"
    docker.write_text(
        '#!/bin/sh\necho "$*" >>"$LOG"\n[ "$1" = image ] || exit 0\n'
        f'for name; do :; done\necho "elsewhere/it@sha256:{"f" * 64}"\necho "${{name%:*}}@{DIGEST}"\n'
    )
    docker.chmod(0o755)
    log, result = tmp_path / "log", PROJECT / "images.env"
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    try:
        done = _run("sh", "tools/push_images.sh", "candidate", "registry/Some/eco", "0.2.0", PATH=path, LOG=str(log))
        assert done.returncode == 0, done.stderr
        lines = f"name=registry/some/eco\napplication_digest={DIGEST}\nsetup_digest={DIGEST}\nfront_digest={DIGEST}\n"
        assert done.stdout == result.read_text() == lines
    finally:
        result.unlink(missing_ok=True)
    assert "push --quiet registry/some/eco-front:0.2.0" in log.read_text()
