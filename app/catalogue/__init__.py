"""Studies, species and model versions, which every feature refers to: as tables and as a snapshot in files."""
