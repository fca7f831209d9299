"""From columns of values to the encoded matrix that models are trained on."""
