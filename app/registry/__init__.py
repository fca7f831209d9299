"""The registry: which models exist, and which one answers for each species."""
