"""The section on time: what operations, steps, epochs and thresholds take on the machine that timed them."""
