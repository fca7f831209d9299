"""Metrics, thresholds, folds, calibration and intervals."""
