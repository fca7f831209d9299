"""The modelling library: species distribution models from records to answers. Knows nothing of Flask or SQL."""
