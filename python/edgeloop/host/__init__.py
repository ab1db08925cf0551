"""What the machine is and what it is doing, read from /proc and /sys with the standard library."""
