"""Requests to GBIF: bounded answers, waiting where the server asks for it, and files that are resumed."""

from __future__ import annotations

import contextlib
import email.utils
import json
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from ml.records.errors import OccurrenceError

#: GBIF's own address. Another can be given for tests and mirrors.
SERVER = "https://api.gbif.org/v1"
USER_AGENT = "EcoPredict (species distribution models; python-requests)"
#: Largest answer in JSON, bytes.
_LARGEST_ANSWER = 50_000_000
#: Largest download, bytes.
LARGEST_DOWNLOAD = 50_000_000_000
# What arrived of a piece is lost where the connection ends in the middle of it.
_CHUNK = 1 << 14
_TIMEOUT_S = (10.0, 60.0)
#: Attempts in a row without a new byte.
ATTEMPTS = 8
#: The same while the server has not answered once.
FIRST_ATTEMPTS = 4
_LONGEST_WAIT_S = 600.0
#: 420 and 429: too many requests. The others: the server is busy.
_WAITED_FOR = frozenset({420, 429, 500, 502, 503, 504})


class Busy(Exception):
    """The server did not answer, or asked to wait.

    Parameters
    ----------
    reason : str
    seconds : float or None
        Time to wait, where the server states it.
    """

    def __init__(self, reason: str, seconds: float | None = None) -> None:
        super().__init__(reason)
        self.seconds = seconds


class NotThere(OccurrenceError):
    """The server answers 404."""


class Client:
    """A client that makes one request at a time.

    Parameters
    ----------
    server : str
        Address of the API.
    wait : callable
        Called with the seconds to wait.
    largest : int
        Largest download, bytes.
    """

    def __init__(
        self,
        server: str = SERVER,
        wait: Callable[[float], object] = time.sleep,
        largest: int = LARGEST_DOWNLOAD,
    ) -> None:
        if not server.startswith(("https://", "http://")):
            raise OccurrenceError(f"{server[:100]!r} is not the address of a server; it must begin with https://")
        self.server = server.rstrip("/")
        self._wait = wait
        self._largest = largest
        self._has_answered = False
        self._session = requests.Session()
        self._session.headers["User-Agent"] = USER_AGENT

    def json(self, path: str, **parameters: str | int) -> dict[str, Any]:
        """Return an answer in JSON.

        Raises
        ------
        OccurrenceError
            The server does not answer, or not with a JSON object.
        """
        return self._patiently(lambda: self._json(path, parameters))

    def _json(self, path: str, parameters: dict[str, str | int]) -> dict[str, Any]:
        address = f"{self.server}/{path}"
        with self._get(address, parameters, {}) as response:
            content = bytearray()
            for chunk in response.iter_content(_CHUNK):
                content += chunk
                if len(content) > _LARGEST_ANSWER:
                    raise OccurrenceError(f"{address}: the answer is longer than {_LARGEST_ANSWER:,} bytes")
        try:
            answer = json.loads(content)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise OccurrenceError(f"{address}: the answer is not a JSON object; check the address of the server")
        return answer

    def file(self, path: str, output: Path, progress: Callable[[int, int], object]) -> None:
        """Fetch a file. What an earlier call fetched is used, if the file on the server is still the same.

        Parameters
        ----------
        path : str
        output : Path
            It gets its name only when it is complete. Until then it lies beside it as ``.<name>.part``.
        progress : callable
            Called with the bytes fetched and the size.

        Raises
        ------
        OccurrenceError
            The server does not answer, the file is too large for it, or for the disk.
        """
        part, state = part_of(output), state_of(output)
        failures = 0
        while True:
            before = part.stat().st_size if part.is_file() else 0
            try:
                size = self._file(f"{self.server}/{path}", part, state, progress)
                if part.stat().st_size == size:
                    break
                raise Busy("the connection ended early")
            except (Busy, requests.RequestException) as error:
                grown = part.is_file() and part.stat().st_size > before
                failures = 1 if grown else failures + 1
                self._pause(error, failures)
        part.replace(output)
        state.unlink(missing_ok=True)

    def _file(self, address: str, part: Path, state: Path, progress: Callable[[int, int], object]) -> int:
        """Fetch the rest of a file, and return its size."""
        begin = part.stat().st_size if part.is_file() else 0
        saved = read_state(state)
        version = saved.get("version") if saved.get("address") == address else None
        headers = {"Range": f"bytes={begin}-", "If-Range": str(version)} if begin and version else {}
        # Compression on the way would change what the bytes of a range are.
        with self._get(address, {}, {**headers, "Accept-Encoding": "identity"}) as response:
            resumed = response.status_code == 206
            if resumed:
                span, _, total = response.headers.get("Content-Range", "").partition("/")
                if not span.startswith(f"bytes {begin}-") or not total.isdecimal():
                    part.unlink()
                    raise Busy("the server sent another part of the file than the requested one", 0.0)
                size = int(total)
            else:
                begin, size = 0, int(response.headers.get("Content-Length", -1))
                version = response.headers.get("ETag") or response.headers.get("Last-Modified")
                write_state(state, {"address": address, "version": version})
            self._check_size(address, size, begin, part)
            with part.open("ab" if resumed else "wb") as stream:
                for chunk in response.iter_content(_CHUNK):
                    stream.write(chunk)
                    begin += len(chunk)
                    if begin > self._largest:
                        raise OccurrenceError(f"{address}: the file is larger than {self._largest:,} bytes")
                    progress(begin, size)
        if 0 <= size < begin:
            part.unlink()
            raise Busy("the server sent more than the size of the file", None)
        return size if size >= 0 else begin

    def _check_size(self, address: str, size: int, begin: int, part: Path) -> None:
        if size > self._largest:
            raise OccurrenceError(f"{address}: the file has {size:,} bytes; at most {self._largest:,} are fetched")
        free = shutil.disk_usage(part.parent).free
        if size - begin > free:
            raise OccurrenceError(
                f"{address}: {size - begin:,} bytes are left to fetch, but the disk has {free:,} free"
            )

    def _get(self, address: str, parameters: dict[str, str | int], headers: dict[str, str]) -> requests.Response:
        response = self._session.get(address, params=parameters, headers=headers, stream=True, timeout=_TIMEOUT_S)
        self._has_answered = True
        if response.status_code in (200, 206):
            return response
        with response:
            if response.status_code in _WAITED_FOR:
                raise Busy(f"it answers {response.status_code}", retry_after(response.headers.get("Retry-After")))
            if response.status_code == 404:
                raise NotThere(f"{address}: not found; check the name or key")
            raise OccurrenceError(f"{address}: the server answers {response.status_code}")

    def _patiently(self, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        failures = 0
        while True:
            try:
                return call()
            except (Busy, requests.RequestException) as error:
                failures += 1
                self._pause(error, failures)

    def _pause(self, error: Exception, failures: int) -> None:
        """Wait before the next attempt, or give up."""
        reason = str(error) if isinstance(error, Busy) else type(error).__name__
        # A server that never answered is most likely out of reach from this machine.
        if failures >= (ATTEMPTS if self._has_answered else FIRST_ATTEMPTS):
            raise OccurrenceError(
                f"{self.server} cannot be reached ({reason}, {failures} attempts). What was fetched is kept: run the "
                "command again later to go on"
            ) from error
        seconds = error.seconds if isinstance(error, Busy) else None
        self._wait(min(2.0 ** (failures - 1), 60.0) if seconds is None else min(seconds, _LONGEST_WAIT_S))


def retry_after(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header, which has a number or a date; None without one."""
    if not value:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)


def part_of(output: Path) -> Path:
    """Return the file that an output is written to until it is complete."""
    return output.with_name(f".{output.name}.part")


def state_of(output: Path) -> Path:
    """Return the file that says how far an incomplete output is."""
    return output.with_name(f".{output.name}.state")


def read_state(path: Path) -> dict[str, Any]:
    """Return a saved state; empty where there is none or it is damaged."""
    with contextlib.suppress(OSError, ValueError):
        state = json.loads(path.read_bytes())
        if isinstance(state, dict):
            return state
    return {}


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Save a state; a process killed in the middle leaves the earlier one."""
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(json.dumps(state), encoding="utf-8")
    draft.replace(path)
