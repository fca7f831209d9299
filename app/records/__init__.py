"""The records of a study of a user's own data: what is kept, by which rules, and why the others are dropped."""
