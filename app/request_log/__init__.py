"""The log of the API: counts of requests and answers by hour, which several workers add up in the database."""
