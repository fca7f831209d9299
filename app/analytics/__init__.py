"""Analytics: the number, novelty and drift of requests."""
