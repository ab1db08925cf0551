"""From what the user said to what will be done."""
