"""Which dose, and how sure."""
