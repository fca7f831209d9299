"""The recipe of a study of a user's own data, and the reports on its files. Nothing here imports pandas."""
