"""Maps as drawings: the outline of the land and plots of records."""
