"""The folders below DATA_DIR that several features use."""

from __future__ import annotations

from pathlib import Path


class Folders:
    """Paths of folders. The settings add `data_dir`."""

    data_dir: Path

    @property
    def models_dir(self) -> Path:
        """The folder of the models."""
        return self.data_dir / "models"

    @property
    def layers_dir(self) -> Path:
        """The folder of the stored layers, by study."""
        return self.data_dir / "layers"
