"""Observations as they are stored: the table, the search by place, and the accuracy of models by accepted ones."""
