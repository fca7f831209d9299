"""Occurrence records: formats, cleaning and scientific names."""
