"""The first certificate: made once, for the names asked for, and never over one that is there."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest

from tools.live import PROJECT

pytestmark = pytest.mark.usefixtures("openssl")


def make(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["sh", "tools/certificate.sh", *map(str, arguments)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


def test_it_is_made_once_for_the_names_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    done = make(folder, "eco.example.org", "192.0.2.7", "::1")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["fullchain.pem", "privkey.pem"]
    assert (folder / "privkey.pem").stat().st_mode & 0o777 == 0o600
    context = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
    (certificate,) = context.get_ca_certs()
    assert certificate["subjectAltName"] == (
        ("DNS", "eco.example.org"),
        ("IP Address", "192.0.2.7"),
        ("IP Address", "0:0:0:0:0:0:0:1"),
    )
    # the key is the certificate's
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(folder / "fullchain.pem", folder / "privkey.pem")
    content = (folder / "fullchain.pem").read_bytes()
    assert make(folder, "other.example.org").returncode == 0
    assert (folder / "fullchain.pem").read_bytes() == content


def test_half_a_certificate_is_left_to_whoever_put_it_there(tmp_path: Path) -> None:
    (tmp_path / "fullchain.pem").write_text("a real one")
    done = make(tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"certificate: {tmp_path} holds fullchain.pem alone; add its other half or remove it\n"
    assert (tmp_path / "fullchain.pem").read_text() == "a real one"


def test_without_a_folder_it_says_how() -> None:
    done = make()
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ")


def test_a_host_name_may_be_longer_than_a_common_name(tmp_path: Path) -> None:
    name = ".".join(["a" * 40] * 2) + ".example.org"
    done = make(tmp_path / "tls", name)
    assert done.returncode == 0, done.stderr
    context = ssl.create_default_context(cafile=str(tmp_path / "tls" / "fullchain.pem"))
    (certificate,) = context.get_ca_certs()
    assert certificate["subjectAltName"] == (("DNS", name),)
