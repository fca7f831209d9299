"""Jobs: long work that is stored in the database, done by worker processes, and resumed when one of them dies."""
