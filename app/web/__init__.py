"""The web layer of all features: page, fragment and JSON from one view, input, errors and headers."""
