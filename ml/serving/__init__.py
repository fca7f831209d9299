"""A trained model as arrays, and the answers it gives. Needs neither scikit-learn nor pandas."""
