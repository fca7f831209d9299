"""The members of the default model as scikit-learn estimators."""
