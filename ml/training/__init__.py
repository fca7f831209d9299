"""From a study to one artifact for each species."""
