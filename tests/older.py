"""Models converted to older formats or to another AUC, and manifests with new hashes, for tests of opening them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np


def resign(path: Path) -> None:
    """Write hashes and an id that match the files, as a forger would."""
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["sha256"] = {name: hashlib.sha256((path / name).read_bytes()).hexdigest() for name in manifest["sha256"]}
    content = "".join(f"{name}:{manifest['sha256'][name]}" for name in sorted(manifest["sha256"]))
    slug = manifest["model_id"].rsplit("-", 1)[0]
    manifest["model_id"] = f"{slug}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    (path / "manifest.json").write_text(json.dumps(manifest))


def arrays_of(path: Path) -> dict[str, Any]:
    with np.load(path / "model.npz") as stored:
        return {name: stored[name].copy() for name in stored}


def make_older(path: Path, version: int) -> dict[str, Any]:
    """Convert a model to an older format, and return its arrays."""
    arrays = {name: a for name, a in arrays_of(path).items() if not name.startswith("records_")}
    newer_parts = []
    if version < 3:
        arrays = {name: a for name, a in arrays.items() if not name.startswith(("area_", "held_out_"))}
        newer_parts += ["area", "interval", "collinear"]
    if version == 1:
        newer_parts += ["members", "background", "calibration", "optimism", "notes"]
        names = ("nodes", "roots", "group")
        arrays = {name: a for name, a in arrays.items() if name in names or name.startswith("reference_")}
    (path / "model.npz").unlink()
    name = "forest.npz" if version == 1 else "model.npz"
    np.savez_compressed(path / name, **arrays)
    card = json.loads((path / "card.json").read_text())
    for part in newer_parts:
        del card[part]
    (path / "card.json").write_text(json.dumps(card))
    manifest = json.loads((path / "manifest.json").read_text())
    manifest |= {"format_version": version, "sha256": {"card.json": "", name: ""}}
    (path / "manifest.json").write_text(json.dumps(manifest))
    resign(path)
    return arrays


def set_auc(path: Path, value: float, low: float | None, high: float | None) -> None:
    """Replace the cross-validated AUC on a model's card."""
    card = json.loads((path / "card.json").read_text())
    card["metrics"]["auc_roc"] |= {"value": value, "low": low, "high": high}
    (path / "card.json").write_text(json.dumps(card))
    resign(path)
