"""What the machine draws, from meters on the board, and what one inference takes of it."""
