"""Models made into what an older format would have held, and files signed anew, for tests of what is opened."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np


def resign(path: Path) -> None:
    """What a forger without knowledge of the arrays would do: write matching hashes."""
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
    """Make a model what it would have been in an older format, and return its arrays."""
    arrays = {name: a for name, a in arrays_of(path).items() if not name.startswith(("area_", "held_out_"))}
    later = ["area", "interval", "collinear"]
    if version == 1:
        later += ["members", "background", "calibration", "optimism", "notes"]
        kept = ("nodes", "roots", "group")
        arrays = {name: a for name, a in arrays.items() if name in kept or name.startswith("reference_")}
    (path / "model.npz").unlink()
    name = "forest.npz" if version == 1 else "model.npz"
    np.savez_compressed(path / name, **arrays)
    card = json.loads((path / "card.json").read_text())
    for part in later:
        del card[part]
    (path / "card.json").write_text(json.dumps(card))
    manifest = json.loads((path / "manifest.json").read_text())
    manifest |= {"format_version": version, "sha256": {"card.json": "", name: ""}}
    (path / "manifest.json").write_text(json.dumps(manifest))
    resign(path)
    return arrays
