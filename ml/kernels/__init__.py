"""Compiled loops (numba) over trees, MaxEnt terms, distances and networks, and the logit.

The loops do not check bounds: ``ml.serving.arrays`` checks every array that comes from a file.
"""
