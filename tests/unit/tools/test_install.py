"""nginx/install.sh: what the composed nginx reads."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tools.live import PROJECT

_SERVICES = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]
_FILES = {"etc/nginx/nginx.conf", "etc/nginx/errors/page.html", "srv/plain/static/a b.css"}


@pytest.fixture
def image(tmp_path: Path) -> Path:
    folder = tmp_path / "image"
    for name in (*_FILES, "etc/nginx/tls/key"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("first")
    return folder


def _install(image: Path, volumes: Path) -> set[str]:
    subprocess.run(["sh", PROJECT / "nginx" / "install.sh", image, volumes], check=True)
    return {str(path.relative_to(volumes)) for path in volumes.rglob("*") if path.is_file()}


def test_the_files_are_those_of_the_image_and_no_certificate_is_copied(image: Path, tmp_path: Path) -> None:
    volumes = tmp_path / "volumes"
    assert _install(image, volumes) == {
        "etc/nginx/nginx.conf",
        "etc/nginx/errors/page.html",
        "srv/plain/static/a b.css",
    }
    # the certificate is mounted into this folder of a volume that nginx cannot change
    assert (volumes / "etc/nginx/tls").is_dir()


def test_a_later_version_replaces_and_removes_files(image: Path, tmp_path: Path) -> None:
    volumes = tmp_path / "volumes"
    _install(image, volumes)
    (volumes / "etc/nginx/tls/key").write_text("mounted")
    with (volumes / "etc/nginx/nginx.conf").open() as read_now:
        (image / "etc/nginx/nginx.conf").write_text("second")
        (image / "srv/plain/static/a b.css").unlink()
        (image / "srv/plain/static/c.css").touch()
        files = _install(image, volumes)
        # a file that is read now stays what it was
        assert read_now.read() == "first"
    assert (volumes / "etc/nginx/nginx.conf").read_text() == "second"
    assert files == {
        "etc/nginx/nginx.conf",
        "etc/nginx/errors/page.html",
        "etc/nginx/tls/key",
        "srv/plain/static/c.css",
    }


def test_nginx_reads_what_front_has_copied() -> None:
    """So a new version of EcoPredict needs no new container of nginx, which alone can have the ports."""
    nginx, front = _SERVICES["nginx"], _SERVICES["front"]
    copied = dict(mount.split(":") for mount in front["volumes"] if "/volumes/" in mount)
    read = {source: f"/volumes{target}" for source, target, _ in (mount.rsplit(":", 2) for mount in nginx["volumes"])}
    assert copied.items() <= read.items()
    assert all(mount.endswith(":ro") for mount in nginx["volumes"])
    assert "build" not in nginx
    assert nginx["image"] == "${NGINX_IMAGE:-nginx:1.28-alpine}"
    # the script that the image starts with elsewhere
    entry = re.findall(r"^ENTRYPOINT (.*)$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)
    assert nginx["entrypoint"] == yaml.safe_load(entry[0])
    assert nginx["stop_signal"] == "SIGQUIT"
