"""The served application beside an empty route and the usual design: ``python -m benchmarks.serving``."""
