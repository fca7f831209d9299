"""Privacy: what is kept, the data of a person as a file, and the deletion of an account."""
