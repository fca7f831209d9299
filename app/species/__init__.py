"""Species: find one, and read what its model is worth."""
