"""What is computed from the files of a study's layers: the common cells, and pictures."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.studies.own import OwnStudy
from app.workbench import runner
from app.workbench.derived import derived_file, derived_path, one_at_a_time
from app.workbench.runner import WorkbenchError
from ml.recipes.reports import LayerReport, LayersReport

#: Derived files of a kind that a study keeps.
_KEEP = {"layers": 8}
_TIMEOUT_S = 900.0
_PICTURES_TIMEOUT_S = 300.0


def counted(study: OwnStudy) -> LayersReport:
    """Return the layers with the cells that they have in common.

    Raises
    ------
    WorkbenchError
        A file cannot be read.
    """

    def make(draft: Path) -> None:
        report = LayersReport.model_validate(runner.run("layers", payload(study), _TIMEOUT_S))
        draft.write_text(report.model_dump_json(), encoding="utf-8")

    path = derived_file(study.cache, "layers", ".json", _key(study), make, _KEEP["layers"])
    return LayersReport.model_validate_json(path.read_bytes())


def picture(study: OwnStudy, layer: LayerReport, layers: Sequence[LayerReport]) -> Path:
    """Return the file of the picture of a layer, as PNG. All missing pictures of a file are drawn together.

    Parameters
    ----------
    study : OwnStudy
    layer : LayerReport
    layers : sequence of LayerReport
        All layers of the study.

    Raises
    ------
    WorkbenchError
        The file cannot be read.
    """
    path = _picture_path(study, layer)
    if path.exists():
        return path
    with one_at_a_time(study.cache, "pictures"):
        if not path.exists():
            _draw(study, [one for one in layers if one.file == layer.file])
    if not path.exists():
        raise WorkbenchError("This layer cannot be drawn.")
    return path


def _draw(study: OwnStudy, layers: Sequence[LayerReport]) -> None:
    drafts: dict[Path, Path] = {}
    for one in layers:
        path = _picture_path(study, one)
        if not path.exists():
            drafts[path] = path.with_name(f".draft-{secrets.token_hex(8)}.png")
    pictures = [
        {"file": one.file, "band": one.band, "output": str(drafts[path])}
        for one in layers
        if (path := _picture_path(study, one)) in drafts
    ]
    try:
        runner.run("pictures", {**payload(study), "pictures": pictures}, _PICTURES_TIMEOUT_S)
    finally:
        for path, draft in drafts.items():
            with contextlib.suppress(OSError):
                draft.replace(path)


def _picture_path(study: OwnStudy, layer: LayerReport) -> Path:
    key = [layer.sha256, layer.band, layer.kind, layer.scale, layer.offset, sorted(layer.levels)]
    return derived_path(study.cache, "picture", ".png", key)


def payload(study: OwnStudy) -> dict[str, Any]:
    """Return what every operation of the workbench on a study needs."""
    return {
        "folder": str(study.folder),
        "recipe": study.recipe.model_dump(mode="json"),
        "files": [report.model_dump(mode="json") for report in study.files],
        "cache": str(study.cache),
    }


def _key(study: OwnStudy) -> list[Any]:
    files = sorted([report.name, report.sha256] for report in study.files if report.role in ("layers", "companion"))
    return [files, [choice.model_dump(mode="json") for choice in study.recipe.layers], study.recipe.grid]
