"""Another board: edgeloop's agent there, started over the system's ssh, and this side of it."""
