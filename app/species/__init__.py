"""Species: search by name, and the quality of their models."""
