"""The commands of ``python -m ml``, one module for each."""
