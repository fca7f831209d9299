"""Trained models logged to an MLflow server, by its REST API."""
