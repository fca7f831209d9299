"""Answers that are not in PostgreSQL yet: written to a spool file, then copied by a background thread."""
