"""The ready flows."""
