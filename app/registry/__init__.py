"""The registry: all trained models, and the one that answers for each species."""
