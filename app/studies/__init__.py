"""Studies: where the records come from and on what terms."""
