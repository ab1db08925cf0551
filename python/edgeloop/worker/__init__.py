"""The parent's end of a worker process."""
