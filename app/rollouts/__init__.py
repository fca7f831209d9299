"""A candidate tried beside the active model: who gets it, what both arms do, and when it is stopped."""
