"""Models in, models out: the graph of conversions, and the proof that one kept the model."""
