"""What activations cost in time on this machine: elementwise, and in steps of networks."""
