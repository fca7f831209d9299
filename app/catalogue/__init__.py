"""What every feature refers to: studies, species and model versions, as tables and as a snapshot file."""
