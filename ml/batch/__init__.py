"""Tables of conditions, read in chunks and answered by one or several models in bounded memory."""
