"""What does a dose do: responses of the body to a unit dose, and their superposition."""
