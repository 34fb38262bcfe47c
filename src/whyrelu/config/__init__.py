"""What a person types, composed by Hydra from conf/, checked, and explained where it is wrong."""
