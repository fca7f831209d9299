"""Predictions: the answer of a species' model to one set of conditions, stored with an id."""
