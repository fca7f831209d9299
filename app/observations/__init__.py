"""Observations of people: reported for an answer or a place, looked at by editors, counted in the live accuracy."""
