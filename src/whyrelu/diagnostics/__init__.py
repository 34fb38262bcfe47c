"""What goes on inside a network: gradients, saturation, dead units and collapse, layer by layer, while it learns."""
