"""The web layer that all features share: page, fragment and JSON from one view, input, errors and headers."""
