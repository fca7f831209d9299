"""The hand-over: answers given are kept on disk at once and reach PostgreSQL in their own time, each exactly once."""
