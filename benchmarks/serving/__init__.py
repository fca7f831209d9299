"""The served application beside an empty route and beside what most teams build: ``python -m benchmarks.serving``."""
