"""The kinds of flood and their requests."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

#: The kinds with their descriptions.
FLOODS = {
    "none": "no flood",
    "openapi": "`GET /openapi.json`",
    "openapi-etag": "`GET /openapi.json` with `If-None-Match`",
    "members": "`POST /api/v1/predictions`, 859 KiB of unknown members",
    "repeated": "`POST /api/v1/predictions`, 859 KiB of objects with a repeated member",
    "list": "`GET /api/v1/predictions`, 100 answers",
    "predict": "`POST /api/v1/predictions`, new conditions",
    "compare": "`POST /api/v1/comparisons/conditions`, 100 new conditions",
    "analytics": "`GET /analytics`",
    "front": "`GET /`",
    "docs": "`GET /docs`",
    "species": "`GET /species/species`",
    "health": "`GET /health/ready`",
}
_ADDRESSES = {
    "openapi": "/openapi.json",
    "openapi-etag": "/openapi.json",
    "list": "/api/v1/predictions?limit=100",
    "analytics": "/analytics",
    "front": "/",
    "docs": "/docs",
    "health": "/health/ready",
}
_BODY_BYTES = 859 * 1024
#: Number of conditions in one comparison: the largest that the API accepts.
_N_CONDITIONS = 100
# Comparisons are prepared before the flood, because the attacker shares the cores with the servers.
_N_PREPARED = 200


@dataclass(frozen=True)
class Target:
    """What the requests of a flood refer to.

    Attributes
    ----------
    species : str
        Slug of a species with a model.
    fields : dict of str to (float, float)
        Range of each predictor.
    etag : str
        The ETag of ``/openapi.json``; a made-up one where the service sends none.
    """

    species: str
    fields: dict[str, tuple[float, float]] = field(default_factory=dict)
    etag: str = '"none"'


def requests_of(kind: str, target: Target, number: int) -> Iterator[bytes]:
    """Return the endless requests of a flood.

    Parameters
    ----------
    kind : str
        A key of `FLOODS`, without ``none``.
    target : Target
    number : int
        Number of the round; it selects the conditions.
    """
    draw = random.Random(f"{kind} {number}")
    if kind == "members":
        return itertools.repeat(_post("/api/v1/predictions", _with_unknown_members(target)))
    if kind == "repeated":
        return itertools.repeat(_post("/api/v1/predictions", _with_repeated_members()))
    if kind == "predict":
        bodies = ({"species": target.species, "environment": _conditions(target, draw)} for _ in itertools.count())
        return (_post("/api/v1/predictions", json.dumps(body).encode()) for body in bodies)
    if kind == "compare":
        return itertools.cycle([_comparison(target, draw) for _ in range(_N_PREPARED)])
    address = f"/species/{target.species}" if kind == "species" else _ADDRESSES[kind]
    header = f"If-None-Match: {target.etag}\r\n" if kind == "openapi-etag" else ""
    return itertools.repeat(f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}\r\n".encode())


def _with_unknown_members(target: Target) -> bytes:
    """Return a prediction request of 859 KiB, nearly all of it members that the API does not know."""
    body: dict[str, object] = {"species": target.species, "environment": {}}
    n_members = _BODY_BYTES // len('"x00000":0,')
    body |= {f"x{number:05}": 0 for number in range(n_members - 4)}
    return json.dumps(body, separators=(",", ":")).encode()


def _with_repeated_members() -> bytes:
    """Return a request of 859 KiB: objects of as many members as the API reads, of which the last one is repeated."""
    members = ",".join(f'"{number:x}":0' for number in [*range(499), 498])
    item = f"{{{members}}}"
    return f'{{"a":[{",".join([item] * (_BODY_BYTES // (len(item) + 1)))}]}}'.encode()


def _comparison(target: Target, draw: random.Random) -> bytes:
    environments = [{"environment": _conditions(target, draw)} for _ in range(_N_CONDITIONS)]
    body = {"species": target.species, "environments": environments}
    return _post("/api/v1/comparisons/conditions", json.dumps(body).encode())


def _conditions(target: Target, draw: random.Random) -> dict[str, float]:
    return {name: round(draw.uniform(low, high), 6) for name, (low, high) in target.fields.items()}


def _post(address: str, body: bytes) -> bytes:
    head = f"POST {address} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
