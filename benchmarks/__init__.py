"""How fast whyrelu trains, beside a bare PyTorch loop and the common Lightning way (our stand-in)."""
