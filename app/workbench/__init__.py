"""Work on files of users in a process of its own, so that a bad file cannot stop the server."""
