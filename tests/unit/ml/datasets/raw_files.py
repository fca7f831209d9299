"""Where the fetched demo files are, if they are."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
RAW = Path(os.environ.get("ECOPREDICT_RAW", ROOT / "instance" / "raw"))


def needs(*names):
    missing = [name for name in names if not (RAW / name).is_file()]
    return pytest.mark.skipif(bool(missing), reason=f"not fetched: {', '.join(missing)}")
