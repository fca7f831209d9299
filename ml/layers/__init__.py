"""Environmental layers: climatologies, bioclimatic variables and background points."""
