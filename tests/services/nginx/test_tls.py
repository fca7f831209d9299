"""TLS with the shipped configuration: versions, HTTP/2 and headers for browsers."""

from __future__ import annotations

import json
import socket
import ssl
import struct
from collections.abc import Iterator

import pytest

from tests.services.conftest import ENVIRONMENT, WHEATEAR
from tests.services.nginx.conftest import ask
from tools import live


@pytest.fixture(scope="module")
def trust(front: live.Front, openssl: str) -> ssl.SSLContext:
    """Trusts the certificate that tools/certificate.sh made for this nginx, and no other."""
    return ssl.create_default_context(cafile=str(front.folder / "etc" / "tls" / "fullchain.pem"))


def test_a_prediction_over_tls(front: live.Front, trust: ssl.SSLContext) -> None:
    body = json.dumps({"species": WHEATEAR, "environment": ENVIRONMENT}).encode()
    headers = {"Content-Type": "application/json"}
    answer = ask(front.tls, "/api/v1/predictions", "POST", body=body, headers=headers, trust=trust)
    assert answer.status == 200, answer.body
    assert ask(front.tls, "/", trust=trust).status == 200


def test_browsers_are_told_to_stay_with_tls_only_over_tls(front: live.Front, trust: ssl.SSLContext) -> None:
    for path in ("/", "/api/v1/species", "/static/css/base.css", "/static/none.css", "/metrics"):
        assert ask(front.tls, path, trust=trust).headers["strict-transport-security"] == "max-age=31536000", path
        for port in (front.port, front.api):
            assert "strict-transport-security" not in ask(port, path).headers, path


@pytest.mark.parametrize(
    ("version", "spoken"),
    [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)],
)
@pytest.mark.filterwarnings("ignore:.*TLSv1_1 is deprecated")
def test_which_versions_are_spoken(
    front: live.Front, trust: ssl.SSLContext, version: ssl.TLSVersion, spoken: bool
) -> None:
    context = ssl.create_default_context(cafile=str(front.folder / "etc" / "tls" / "fullchain.pem"))
    context.minimum_version = context.maximum_version = version
    if not spoken:
        # so that it is the server who refuses
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        with pytest.raises(OSError, match=r"(?i)alert|protocol|reset|eof"):
            ask(front.tls, trust=context)
    else:
        assert ask(front.tls, "/health/live", trust=context).status == 200


def test_http_2_over_tls(front: live.Front, trust: ssl.SSLContext) -> None:
    context = ssl.create_default_context(cafile=str(front.folder / "etc" / "tls" / "fullchain.pem"))
    context.set_alpn_protocols(["h2", "http/1.1"])
    host = f"localhost:{front.tls}".encode()
    with (
        socket.create_connection(("127.0.0.1", front.tls), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as link,
    ):
        assert link.selected_alpn_protocol() == "h2"
        path = b"/health/live"
        # HPACK: GET, https, then path and authority as literals
        block = b"\x82\x87" + b"\x04" + bytes([len(path)]) + path + b"\x01" + bytes([len(host)]) + host
        link.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, 0, b"") + _frame(1, 5, 1, block))
        for kind, stream, payload in _frames(link):
            if (kind, stream) == (1, 1):
                # the first field of the answer, :status 200 of HPACK's own table
                assert payload[0] == 0x88
            if (kind, stream) == (0, 1) and payload:
                assert json.loads(payload) == {"status": "live"}
                break


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _frames(link: ssl.SSLSocket) -> Iterator[tuple[int, int, bytes]]:
    with link.makefile("rb") as stream:
        while head := stream.read(9):
            size = int.from_bytes(head[:3], "big")
            yield head[3], int.from_bytes(head[5:], "big"), stream.read(size)
