"""Computed answers, kept for an hour in each process and in Redis."""
