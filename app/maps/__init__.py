"""Maps of models over the stored layers of their studies: the job, tiles, downloads and pages."""
