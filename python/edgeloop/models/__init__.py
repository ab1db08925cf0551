"""What a model file is and what it holds, told without running it."""
