"""Comparisons: several species, several conditions or two versions of a model side by side; nothing is stored."""
