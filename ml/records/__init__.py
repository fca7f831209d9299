"""Occurrence records: file formats, cleaning, duplicates and scientific names."""
