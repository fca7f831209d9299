"""Progress of a command whose steps have names."""

from __future__ import annotations

import json
import sys

from tqdm import tqdm


class Progress:
    """Progress as a bar on a terminal, as plain lines, or as lines of JSON.

    Parameters
    ----------
    kind : str
        ``bar`` or ``json``.
    """

    def __init__(self, kind: str) -> None:
        self._json = kind == "json"
        self._last = ""
        terminal = not self._json and sys.stderr.isatty()
        self._bar = tqdm(total=100, disable=not terminal, file=sys.stderr, bar_format="{l_bar}{bar}| {postfix}")

    def __call__(self, share: float, message: str, step: str = "prepare") -> None:
        """Report the share of the work that is done and what is done next."""
        if self._json:
            print(json.dumps({"progress": round(share, 4), "message": message, "step": step}), flush=True)
        elif not self._bar.disable:
            self._bar.set_postfix_str(message)
            self._bar.update(round(share * 100) - self._bar.n)
        elif message != self._last:
            print(message, flush=True)
        self._last = message

    def close(self) -> None:
        """Remove the bar."""
        self._bar.close()
