"""What activations cost in time on this machine: elementwise, per step, against width, and with subnormal numbers."""
