"""The parts of the Teach page that are too long for it."""
