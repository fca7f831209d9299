"""Studies of users' own data: from a folder of files and a recipe to a study that can be trained."""
