"""Runs on disk: their identity, their folders, and how one is done, skipped or resumed."""
