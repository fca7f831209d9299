"""Records fetched from GBIF into a study of own data."""
