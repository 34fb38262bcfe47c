"""The network of the experiment, its activations and its initial weights."""
