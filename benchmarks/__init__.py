"""How fast whyrelu trains, beside the common template way and a bare loop written for speed: `make bench`."""
