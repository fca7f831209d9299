"""The units of systemd, and the guide that installs them."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from app.config.settings import load_settings
from tools.live import PROJECT

UNITS = sorted((PROJECT / "systemd").glob("*.service"))
GUIDE = (PROJECT / "docs" / "how-to" / "deploy.md").read_text(encoding="utf-8")


def read(unit: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit.read_text())
    return parser


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_is_what_the_guide_sets_up(unit: Path, tmp_path: Path) -> None:
    service = read(unit)["Service"]
    program = Path(service["ExecStart"].split()[0])
    assert program.is_relative_to(f"{service['WorkingDirectory']}/.venv/bin")
    assert f"git clone REPOSITORY {service['WorkingDirectory']}" in GUIDE
    assert f"cat > {service['EnvironmentFile']} <<'END'" in GUIDE
    assert f"enable --now {' '.join(one.stem for one in UNITS)}" in GUIDE
    assert service["User"] == "eco" and service["NoNewPrivileges"] == "yes"
    analyze = shutil.which("systemd-analyze")
    if analyze is not None:
        copy = tmp_path / unit.name
        copy.write_text(unit.read_text().replace(str(program), "/bin/true"))
        done = subprocess.run([analyze, "verify", copy], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_settings_of_the_guide_are_valid_and_name_what_a_service_may_write(tmp_path: Path) -> None:
    (block,) = re.findall(r"<<'END'\n(.*?)^END$", GUIDE, re.MULTILINE | re.DOTALL)
    environ = dict(line.split("=", 1) for line in block.splitlines())
    for unit in UNITS:
        assert environ["DATA_DIR"] == read(unit)["Service"]["ReadWritePaths"]
    key = tmp_path / "secret_key"
    key.write_text("k" * 64)
    settings = load_settings(environ | {"SECRET_KEY_FILE": str(key), "DATA_DIR": str(tmp_path)})
    assert (settings.environment, settings.port, settings.trusted_proxies) == ("production", 8080, 1)
