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
    """

    def __init__(self, fields: dict[str, tuple[float, float]], species: str) -> None:
        self._fields = fields
        self._species = species
        draw = random.Random("popular")
        self._popular = [self._request(draw) for _ in range(POPULAR)]

    def popular(self) -> list[bytes]:
        """Return the requests that are repeated."""
        return self._popular

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
            if draw.random() < repeated:
                yield self._popular[draw.randrange(POPULAR)]
            else:
                yield self._request(draw)

    def _request(self, draw: random.Random) -> bytes:
        conditions = {name: round(draw.uniform(low, high), 6) for name, (low, high) in self._fields.items()}
        body = json.dumps({"species": self._species, "environment": conditions}).encode()
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body
