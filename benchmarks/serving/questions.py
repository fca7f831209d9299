"""What is asked: conditions within the ranges of the training data, some of them again and again."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

PATH = "/api/v1/predictions"
#: How many conditions those that are repeated are drawn from.
POPULAR = 500


class Questions:
    """Requests for one species.

    Parameters
    ----------
    fields : dict of str to (float, float)
        Range of each predictor.
    species : str
    callers : int
        Addresses that the questions come from, by their own account; 0 where they give none.
    """

    def __init__(self, fields: dict[str, tuple[float, float]], species: str, callers: int = 0) -> None:
        self._fields = fields
        self._species = species
        self._callers = callers
        draw = random.Random("popular")
        self._popular = [self._body(draw) for _ in range(POPULAR)]

    def requests(self, repeated: float, number: int) -> Iterator[bytes]:
        """Yield the requests of a round without end: the same ones whenever it is asked, other ones in each round.

        Parameters
        ----------
        repeated : float
            Share of those that were asked before.
        number : int
            Of the round.
        """
        draw = random.Random(f"{repeated} {number}")
        while True:
            body = self._popular[draw.randrange(POPULAR)] if draw.random() < repeated else self._body(draw)
            yield self._head(draw, len(body)) + body

    def _body(self, draw: random.Random) -> bytes:
        conditions = {name: round(draw.uniform(low, high), 6) for name, (low, high) in self._fields.items()}
        return json.dumps({"species": self._species, "environment": conditions}).encode()

    def _head(self, draw: random.Random, length: int) -> bytes:
        caller = ""
        if self._callers:
            number = draw.randrange(self._callers)
            caller = f"X-Forwarded-For: 10.{number >> 16}.{number >> 8 & 255}.{number & 255}\r\n"
        head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{caller}"
        return f"{head}Content-Length: {length}\r\n\r\n".encode()
