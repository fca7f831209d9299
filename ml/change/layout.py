"""Names of what the folder of a comparison contains, without the libraries that read rasters."""

from __future__ import annotations

from typing import Final

#: The summary; a folder with it has a complete comparison.
SUMMARY: Final = "change.json"
#: Most scenarios of one comparison.
MOST_SCENARIOS: Final = 20
QUANTITIES: Final = ("change", "agreement", "spread")
