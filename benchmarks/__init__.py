"""Repeatable measurements, most of which compare variants within one run. Each module is a command."""
