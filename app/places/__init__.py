"""The conditions at a place: the values of a study's stored layers there, for the model that answers."""
