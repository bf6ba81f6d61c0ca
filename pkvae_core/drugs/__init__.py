"""Which drug: its card, its published models, its virtual patients."""
