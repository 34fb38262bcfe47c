"""The section "Why": what was measured inside the networks, layer by layer, beside what mean-field theory predicts."""
