"""Environmental layers, bioclimatic variables and background points."""
