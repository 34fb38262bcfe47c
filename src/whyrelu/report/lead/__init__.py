"""What a report says first: the answer to what its study asks."""
