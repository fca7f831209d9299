"""Predictions: one set of conditions in, one answer out, kept for later."""
