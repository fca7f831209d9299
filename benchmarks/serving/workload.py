"""Requests with conditions within the ranges of the training data, a share of which is repeated."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

PATH = "/api/v1/predictions"
#: Number of conditions from which the repeated requests are drawn.
N_POPULAR = 500


class Workload:
    """Prediction requests for one species.

    Parameters
    ----------
    fields : dict of str to (float, float)
        Range of each predictor.
    species : str
    n_addresses : int
        Number of client addresses in X-Forwarded-For; with 0 the header is left out.
    """

    def __init__(self, fields: dict[str, tuple[float, float]], species: str, n_addresses: int = 0) -> None:
        self._fields = fields
        self._species = species
        self._n_addresses = n_addresses
        draw = random.Random("popular")
        self._popular = [self._body(draw) for _ in range(N_POPULAR)]

    def requests(self, repeated: float, number: int) -> Iterator[bytes]:
        """Yield the endless requests of a round: the same ones for the same arguments.

        Parameters
        ----------
        repeated : float
            Share of requests with popular conditions.
        number : int
            Number of the round.
        """
        draw = random.Random(f"{repeated} {number}")
        while True:
            body = self._popular[draw.randrange(N_POPULAR)] if draw.random() < repeated else self._body(draw)
            yield self._head(draw, len(body)) + body

    def _body(self, draw: random.Random) -> bytes:
        conditions = {name: round(draw.uniform(low, high), 6) for name, (low, high) in self._fields.items()}
        return json.dumps({"species": self._species, "environment": conditions}).encode()

    def _head(self, draw: random.Random, length: int) -> bytes:
        forwarded = ""
        if self._n_addresses:
            number = draw.randrange(self._n_addresses)
            forwarded = f"X-Forwarded-For: 10.{number >> 16}.{number >> 8 & 255}.{number & 255}\r\n"
        head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{forwarded}"
        return f"{head}Content-Length: {length}\r\n\r\n".encode()
