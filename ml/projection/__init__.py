"""Maps: the complete answer of a model in every cell of a set of layers, as cloud-optimised GeoTIFFs."""
