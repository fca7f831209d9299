"""Fuzzing of everything that reads input from strangers, guided by the coverage of this repository's modules."""
