"""Other versions of a model."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from ml.serving.artifact import _model_id, verify_artifact


def retrained(model: Path) -> Path:
    """A version of a model that differs in a note of its card."""
    copy = shutil.copytree(model, model.parent / "draft-copy")
    card = json.loads((copy / "card.json").read_bytes())
    card["notes"].append("Trained again.")
    content = json.dumps(card, indent=1, sort_keys=True, ensure_ascii=False).encode()
    (copy / "card.json").write_bytes(content)
    manifest = json.loads((copy / "manifest.json").read_bytes())
    manifest["sha256"]["card.json"] = hashlib.sha256(content).hexdigest()
    manifest["model_id"] = _model_id(card["species"]["slug"], manifest["sha256"])
    (copy / "manifest.json").write_text(json.dumps(manifest))
    final = copy.rename(model.parent / manifest["model_id"])
    verify_artifact(final)
    return final
