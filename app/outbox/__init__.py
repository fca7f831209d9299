"""Answers on their way to PostgreSQL: written to a spool file first, then copied by a background thread."""
