"""Figures for the size of an installation."""
