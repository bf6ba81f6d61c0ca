"""The parts of the Models page that are too long for it."""
