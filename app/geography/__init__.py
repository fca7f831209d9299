"""Areas on the sphere that lists of places are filtered by, and the index that finds the places of an area."""
