"""Cached answers: for CACHE_TTL in each process and in Redis."""
