"""What the model has learned about a population, made visible."""
