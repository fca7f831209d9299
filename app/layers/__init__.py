"""The layers of a study of a user's own data: roles, units, grid and scenarios."""
