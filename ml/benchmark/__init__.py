"""The NCEAS benchmark."""
