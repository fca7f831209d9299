"""The folder of a map: what may be in it, and how a map is put there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml.projection.errors import ProjectionError
from ml.projection.layout import OUTLINES, PREVIEW, SUMMARY, WORK, read_summary
from ml.projection.work import clear, key_of_work


class MapFolder:
    """The folder of one map.

    Parameters
    ----------
    path : Path
    files : sequence of str
        Names of the files of the map, without the summary.
    """

    def __init__(self, path: Path, files: Sequence[str]) -> None:
        self.path, self._files = path, list(files)

    def claim(self, key: str, *, replace: bool) -> dict[str, Any] | None:
        """Return the summary of a finished map of the same inputs; else remove what is discarded.

        Only the process that has the lock of the work directory may call it.

        Parameters
        ----------
        key : str
            Of the inputs.
        replace : bool
            Remove a map of other inputs.

        Raises
        ------
        ProjectionError
            The folder has files of something else, or a map of other inputs.
        """
        summary, discarded = self.inspect(key, replace=replace)
        if summary is None and discarded:
            self._empty()
        return summary

    def inspect(self, key: str, *, replace: bool) -> tuple[dict[str, Any] | None, bool]:
        """Return the summary of a finished map of the same inputs, and whether what there is has to be removed.

        Raises
        ------
        ProjectionError
            As `claim`.
        """
        if self.path.is_symlink() or (self.path.exists() and not self.path.is_dir()):
            raise ProjectionError(f"{self.path} is not a folder")
        members = self._members()
        own = {SUMMARY, WORK, PREVIEW, OUTLINES, *self._files, *(f"{name}.aux.xml" for name in self._files)}
        strange = sorted(members - own)
        if strange:
            raise ProjectionError(f"{self.path} has other files, as {strange[0]}: give the map a folder of its own")
        summary = read_summary(self.path)
        if summary is not None and summary.get("key") == key and members >= {SUMMARY, *self._files}:
            return summary, False
        unfinished = key_of_work(self.path / WORK)
        # An unfinished map of the same inputs can have some of its files in place.
        if unfinished == key and summary is None:
            return None, False
        if not replace and (members - {WORK} or unfinished is not None):
            kind = "a map" if SUMMARY in members else "an unfinished map"
            raise ProjectionError(
                f"{self.path} has {kind} of other inputs{_of(summary)}: give another folder, or add --replace to "
                "discard it"
            )
        return None, True

    def _members(self) -> set[str]:
        return {member.name for member in self.path.iterdir()} if self.path.exists() else set()

    def _empty(self) -> None:
        members = self._members()
        # The summary first: without it the rest is no map.
        for name in sorted(members - {WORK}, key=lambda name: (name != SUMMARY, name)):
            path = self.path / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        if WORK in members:
            clear(self.path / WORK)

    def publish(self, work: Path, summary: dict[str, Any]) -> None:
        """Move the files of a map from the work directory into the folder, the summary last."""
        draft = work / SUMMARY
        draft.write_text(json.dumps(summary, ensure_ascii=False, indent=1, allow_nan=False), encoding="utf-8")
        for name in (*self._files, OUTLINES):
            for file in (f"{name}.aux.xml", name):
                if (work / file).exists():
                    (work / file).replace(self.path / file)
        draft.replace(self.path / SUMMARY)
        shutil.rmtree(self.path / PREVIEW, ignore_errors=True)


def _of(summary: dict[str, Any] | None) -> str:
    model = summary.get("model_id") if summary is not None else None
    return f" (model {model})" if isinstance(model, str) else ""
