"""Virtual species: real environments, known suitability, known bias of the records."""
