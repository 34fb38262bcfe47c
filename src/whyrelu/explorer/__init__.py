"""A page to play with: the gradient and what learns, by activation, weight gain, depth and normalisation."""
