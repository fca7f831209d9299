"""Analytics: what is asked, and whether the models are at home there."""
