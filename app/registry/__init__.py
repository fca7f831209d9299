"""The registry: all trained models, and the active model of each species."""
