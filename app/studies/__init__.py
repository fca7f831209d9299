"""Studies: their predictors, and the sources and licences of their records."""
