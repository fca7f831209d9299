"""A table written with its answers, chunk by chunk; an interrupted run goes on after its last complete chunk."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from ml.batch.answering import Answering
from ml.batch.chunks import Chunk, Rows
from ml.batch.summary import Summary
from ml.spreadsheets import without_formula

#: Called with the number of rows that are written.
Progress = Callable[[int], None]


def output_rows(chunk: Chunk, answers: Sequence[Sequence[tuple[str, ...]]], slugs: Sequence[str]) -> Iterable[Any]:
    """Yield the rows of the output: the cells of a row and one answer, in the order of the species."""
    if len(slugs) == 1:
        for cells, (answer,) in zip(chunk.rows, answers, strict=True):
            yield (*cells, *answer)
        return
    for cells, several in zip(chunk.rows, answers, strict=True):
        for slug, answer in zip(slugs, several, strict=True):
            yield (*cells, slug, *answer)


def write_csv(stream: Any, rows: Iterable[Any], *, guard: bool) -> None:
    """Write rows of text as CSV; with ``guard``, cells that a spreadsheet would run begin with an apostrophe."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerows([without_formula(cell) for cell in row] for row in rows) if guard else writer.writerows(rows)


class BatchRun:
    """A table answered into a file.

    Parameters
    ----------
    rows : Rows
    answering : Answering
    slugs : sequence of str
        Of the species.
    output : Path
    guard : bool
        Whether cells that a spreadsheet would run as formulas are guarded.
    token : str, optional
        Stands for the table, the models and the options. With one, the part that is written stays where the process is
        killed, and a later run with the same token goes on.

    Raises
    ------
    ValueError
        The output cannot be written.
    """

    def __init__(
        self,
        rows: Rows,
        answering: Answering,
        slugs: Sequence[str],
        output: Path,
        *,
        guard: bool = False,
        token: str | None = None,
    ) -> None:
        folder = output.resolve().parent
        if output.is_dir() or not folder.is_dir():
            what = "it is a directory" if output.is_dir() else "no such directory"
            raise ValueError(f"{output} cannot be written: {what}")
        self._rows, self._answering, self._slugs, self._guard = rows, answering, slugs, guard
        self._output = output
        mark = f".{os.getpid()}" if token is None else ""
        self._draft = folder / f".{output.name}{mark}.part"
        self._state = folder / f".{output.name}{mark}.state"
        self._token = token

    def run(self, progress: Progress) -> Summary:
        """Write the output, completely or not at all.

        Raises
        ------
        ValueError, OSError
            The table cannot be read, or the output cannot be written. Nothing is left.
        """
        try:
            self._write(progress)
            # drafts are readable by their owner alone
            self._draft.chmod(0o644)
            self._draft.replace(self._output)
        except (ValueError, OSError):
            self._remove()
            raise
        except BaseException:
            if self._token is None:
                self._remove()
            raise
        self._remove()
        return self._answering.summary

    def _remove(self) -> None:
        self._draft.unlink(missing_ok=True)
        self._state.unlink(missing_ok=True)

    def _write(self, progress: Progress) -> None:
        size = self._resume()
        summary = self._answering.summary
        with self._open(size) as raw:
            if not size:
                header = [*self._rows.header, *self._answering.columns]
                raw.write(self._encode([header]))
            progress(summary.n_rows)
            for chunk in self._rows.chunks(summary.n_rows):
                rows = output_rows(chunk, self._answering.answer(chunk), self._slugs)
                raw.write(self._encode(rows))
                raw.flush()
                self._save(raw.tell())
                progress(summary.n_rows)

    def _open(self, size: int) -> io.BufferedWriter:
        if not size:
            handle = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            return os.fdopen(handle, "wb")
        stream = self._draft.open("r+b")
        # the chunk that was being written when the process died
        stream.truncate(size)
        stream.seek(size)
        return io.BufferedWriter(stream.detach())

    def _encode(self, rows: Iterable[Any]) -> bytes:
        text = io.StringIO(newline="")
        write_csv(text, rows, guard=self._guard)
        # JSON may have half a character, which no file can have
        return text.getvalue().encode("utf-8", "replace")

    def _save(self, size: int) -> None:
        if self._token is None:
            return
        state = {"token": self._token, "size": size, "summary": self._answering.summary.as_json()}
        draft = self._state.with_suffix(".new")
        draft.write_text(json.dumps(state), encoding="utf-8")
        draft.replace(self._state)

    def _resume(self) -> int:
        """Take over what an interrupted run with the same token wrote; return its number of bytes."""
        if self._token is None:
            return 0
        try:
            state = json.loads(self._state.read_bytes())
            if state["token"] != self._token or self._draft.stat().st_size < state["size"]:
                return 0
            self._answering.summary = Summary.of_json(state["summary"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        return int(state["size"])


def token_of(parts: Iterable[object]) -> str:
    """Return what stands for a table, models and options."""
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()
