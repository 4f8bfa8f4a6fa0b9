"""The rows of work in the metadata store: plain SQL for both databases, one speaker of it."""
