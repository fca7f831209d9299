"""What docker-compose.yml passes from .env, and how much a container may log."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.config.settings import Settings
from tools.live import PROJECT

_SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]
_GUIDE = (PROJECT / "docs" / "how-to" / "deploy.md").read_text(encoding="utf-8")
#: Variables that Compose fills in, with their defaults.
_PASSED = {
    name: default
    for service in ("web", "worker")
    for key, text in _SERVICES[service]["environment"].items()
    for name, default in re.findall(r"^\$\{(\w+):-([^}]*)\}$", text)
    if name == key
}


@pytest.mark.parametrize(
    "setting",
    [
        "WEB_CONCURRENCY",
        "MODEL_MEMORY",
        "DATABASE_POOL_SIZE",
        "OTEL_TRACES_SAMPLER",
        "OTEL_TRACES_SAMPLER_ARG",
        "PREDICTIONS_RETENTION_DAYS",
        "UPLOAD_QUOTA",
        "SPOOL_LIMIT",
        "SENTRY_DSN",
    ],
)
def test_settings_that_guides_tell_to_change_are_passed(setting: str) -> None:
    assert setting in _PASSED


def test_passed_settings_are_documented_and_have_the_defaults_of_the_application() -> None:
    section = _GUIDE.partition("## Other settings")[2].partition("\n## ")[0]
    for name, default in _PASSED.items():
        assert f"`{name}`" in section, name
        field = Settings.model_fields.get(name.lower())
        # an empty value counts as not set, but gunicorn and OpenTelemetry take none
        if default and not name.startswith("OTEL_"):
            assert field is not None and str(field.default) == default, name


def test_each_container_keeps_few_lines() -> None:
    for name, service in _SERVICES.items():
        assert service["logging"]["driver"] == "json-file", name
        assert set(service["logging"]["options"]) == {"max-size", "max-file"}, name


def test_the_example_of_secrets_as_files_keeps_to_the_schema(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(services:\n  web:.*?)```", _GUIDE, re.DOTALL)
    (tmp_path / "docker-compose.override.yml").write_text(example)
    program = Path(sysconfig.get_paths()["scripts"]) / "check-jsonschema"
    command = [program, "--builtin-schema", "vendor.compose-spec", tmp_path / "docker-compose.override.yml"]
    subprocess.run(command, check=True, capture_output=True)
    added = yaml.safe_load(example)
    for name, service in added["services"].items():
        assert name in _SERVICES
        for key, path in service["environment"].items():
            assert key.removesuffix("_FILE").lower() in Settings.model_fields
            assert path.removeprefix("/run/secrets/") in service["secrets"]
            assert set(service["secrets"]) <= set(added["secrets"])
