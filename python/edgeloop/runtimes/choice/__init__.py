"""From what the user asked for to what will be done."""
