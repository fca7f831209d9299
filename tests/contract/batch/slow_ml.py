"""``python -m ml`` that waits after each chunk of a batch, so that a worker can be killed between two of them."""

from __future__ import annotations

import sys
import time
from typing import Any

from ml.__main__ import main
from ml.batch import run

_PAUSE_S = 0.4

if __name__ == "__main__":
    save = run.BatchRun._save

    def save_and_wait(self: run.BatchRun, *args: Any) -> None:
        save(self, *args)
        time.sleep(_PAUSE_S)

    run.BatchRun._save = save_and_wait  # type: ignore[method-assign]
    sys.exit(main())
