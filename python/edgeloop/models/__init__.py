"""What a model file is and what it holds, found out without running it."""
