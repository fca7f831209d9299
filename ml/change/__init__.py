"""Changes between the map of today and the maps of scenarios."""
