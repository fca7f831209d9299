"""Uploads to a real gunicorn: memory, broken connections, killed workers, many at once."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.services.conftest import Answer, call
from tools import live

MB = 1024 * 1024
LARGE = 300 * MB
BLOCK = bytes(range(256)) * 256


@pytest.fixture(scope="module")
def site(prepared: Path, workroom: Path) -> Iterator[live.Site]:
    environ = live.copy_site(prepared, workroom / "uploads", WEB_CONCURRENCY="1")
    with live.serving(environ, WEB_CONCURRENCY="1") as running:
        yield running


@pytest.fixture
def study(site: live.Site) -> Iterator[str]:
    answer = call(f"{site.url}/api/v1/studies", {"title": "Large files"})
    assert answer.status == 201, answer.body
    address = answer.headers["location"]
    yield address
    assert send(site.program.port, "DELETE", address).status == 200


def send(port: int, method: str, address: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    with contextlib.closing(connection):
        connection.request(method, address, body, headers or {}, encode_chunked="Transfer-Encoding" in (headers or {}))
        response = connection.getresponse()
        return Answer(response.status, response.read(), {k.lower(): v for k, v in response.getheaders()})


def blocks(size: int) -> Iterator[bytes]:
    for _ in range(size // len(BLOCK)):
        yield BLOCK


def sha256(size: int) -> str:
    digest = hashlib.sha256()
    for block in blocks(size):
        digest.update(block)
    return digest.hexdigest()


def worker(site: live.Site) -> psutil.Process:
    (process,) = psutil.Process(site.program.process.pid).children()
    return process


def growth(site: live.Site, act: Callable[[], None]) -> float:
    """Return by how many MB the peak of the worker's memory exceeds its memory before an act."""
    process = worker(site)
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")
    before = process.memory_info().rss
    act()
    status = Path(f"/proc/{process.pid}/status").read_text()
    peak = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024
    return (peak - before) / MB


def multipart(size: int) -> Iterator[bytes]:
    head = 'Content-Disposition: form-data; name="files"; filename="large.bin"'
    yield f"--b\r\n{head}\r\nContent-Type: application/octet-stream\r\n\r\n".encode()
    yield from blocks(size)
    yield b"\r\n--b--\r\n"


@pytest.mark.parametrize("way", ["length", "chunked", "form"])
def test_a_large_file_needs_little_memory(site: live.Site, study: str, record_summary: Any, way: str) -> None:
    def upload() -> None:
        if way == "form":
            kind = {"Content-Type": "multipart/form-data; boundary=b", "Transfer-Encoding": "chunked"}
            answer = send(site.program.port, "POST", f"{study}/files", multipart(LARGE), kind)
        else:
            headers = {"Content-Length": str(LARGE)} if way == "length" else {"Transfer-Encoding": "chunked"}
            answer = send(site.program.port, "PUT", f"{study}/files/large.bin", blocks(LARGE), headers)
        assert answer.status in (200, 201), answer.body

    more = growth(site, upload)
    record_summary(f"upload of 300 MB ({way})", f"{more:.1f} MB more memory")
    file = call(f"{site.url}{study}/files").json["items"][0]
    assert (file["size"], file["sha256"]) == (LARGE, sha256(LARGE))
    assert more < 40


def begin(port: int, address: str, total: int, body: bytes) -> socket.socket:
    """Send the head of an upload and the first bytes of its body."""
    link = socket.create_connection(("127.0.0.1", port), 20)
    link.sendall(f"PUT {address} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {total}\r\n\r\n".encode() + body)
    return link


def stored(site: live.Site, address: str, total: int) -> int:
    answer = send(site.program.port, "PUT", address, None, {"Content-Range": f"bytes */{total}", "Content-Length": "0"})
    last = answer.headers.get("range", "bytes=0--1").rpartition("-")[2] if answer.status == 202 else "-1"
    return int(last or -1) + 1


def test_a_broken_upload_goes_on_where_it_ended(site: live.Site, study: str) -> None:
    content = BLOCK * 100
    address, total = f"{study}/files/broken.bin", len(content)
    begin(site.program.port, address, total, content[:2_000_000]).close()
    live.wait_until(lambda: stored(site, address, total) == 2_000_000, 20, "the part is stored")
    assert call(f"{site.url}{study}/files").json["items"] == []
    headers = {"Content-Range": f"bytes 2000000-{total - 1}/{total}"}
    answer = send(site.program.port, "PUT", address, content[2_000_000:], headers)
    assert answer.status == 201, answer.body
    assert answer.json["file"]["sha256"] == hashlib.sha256(content).hexdigest()


def test_a_killed_worker_loses_no_part(site: live.Site, study: str) -> None:
    content = BLOCK * 100
    address, total = f"{study}/files/killed.bin", len(content)
    with begin(site.program.port, address, total, content[:3_000_000]):
        (part_folder,) = (site.data_dir / "studies").glob("*/parts")
        # gunicorn passes on whole blocks alone
        live.wait_until(lambda: sum(part.stat().st_size for part in part_folder.iterdir()) > 2_000_000, 20, "a part")
        dead = worker(site)
        dead.kill()
        live.wait_until(lambda: not dead.is_running() or dead.status() == psutil.STATUS_ZOMBIE, 10, "it is dead")
    live.wait_until(lambda: live.listens(site.program.port) and stored(site, address, total) > 0, 30, "a new worker")
    start = stored(site, address, total)
    assert 2_000_000 < start <= 3_000_000
    assert call(f"{site.url}{study}/files").json["items"] == []
    headers = {"Content-Range": f"bytes {start}-{total - 1}/{total}"}
    answer = send(site.program.port, "PUT", address, content[start:], headers)
    assert answer.json["file"]["sha256"] == hashlib.sha256(content).hexdigest()


def test_many_uploads_of_one_name(site: live.Site, study: str) -> None:
    contents = [bytes([65 + number]) * (5 * MB + number) for number in range(10)]
    answers: list[Answer] = []

    def upload(content: bytes, headers: dict[str, str]) -> None:
        answers.append(send(site.program.port, "PUT", f"{study}/files/one.bin", content, headers))

    for upload_id in (False, True):
        answers.clear()
        threads = [
            threading.Thread(target=upload, args=(content, {"Upload-Id": str(number)} if upload_id else {}))
            # each of the uploads that do not exclude each other is looked at, which takes a second
            for number, content in enumerate(contents[: 3 if upload_id else 10])
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # 503: the process reads enough uploads already
        assert {answer.status for answer in answers} <= {200, 201, 409, 503}, [answer.body for answer in answers]
        assert {200, 201} & {answer.status for answer in answers}
        (file,) = call(f"{site.url}{study}/files").json["items"]
        (winner,) = [content for content in contents if len(content) == file["size"]]
        assert file["sha256"] == hashlib.sha256(winner).hexdigest()
        (path,) = (site.data_dir / "studies").glob("*/files/one.bin")
        assert path.read_bytes() == winner
        assert list(path.parent.parent.glob("parts/*")) == []


def test_a_body_longer_than_the_limit_in_pieces(prepared: Path, workroom: Path) -> None:
    environ = live.copy_site(prepared, workroom / "small-uploads", MAX_UPLOAD=str(2 * MB))
    with live.serving(environ, WEB_CONCURRENCY="1") as small:
        study = call(f"{small.url}/api/v1/studies", {"title": "Small"}).headers["location"]
        headers = {"Transfer-Encoding": "chunked"}
        for size, statuses in ((2 * MB, {201}), (2 * MB + len(BLOCK), {413})):
            answer = send(small.program.port, "PUT", f"{study}/files/{size}.bin", blocks(size), headers)
            assert answer.status in statuses, answer.body
        assert [file["size"] for file in call(f"{small.url}{study}/files").json["items"]] == [2 * MB]
        assert json.loads(call(f"{small.url}/health/ready").body)["status"] == "ready"
        assert list((small.data_dir / "studies").glob("*/parts/*")) == []
