"""Predictors: encoding, order of levels, the feature pipeline and collinearity."""
