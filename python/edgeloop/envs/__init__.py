"""What `edgeloop setup` installs: libraries and environments that cannot come with pip."""
