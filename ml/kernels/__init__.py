"""Compiled loops. They do not check bounds: ``ml.serving.arrays`` checks every array that comes from a file."""
