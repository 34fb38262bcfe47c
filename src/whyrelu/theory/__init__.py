"""Mean-field theory of wide random networks: what happens to signals and gradients at initialisation."""
