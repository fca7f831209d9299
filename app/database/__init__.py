"""Connections to PostgreSQL or SQLite, the replica, and the base of all tables."""
