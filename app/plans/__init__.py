"""Plans: how much people with an account may ask."""
