"""The parts of the Profiles page that are too long for it."""
