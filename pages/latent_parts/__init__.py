"""The parts of the latent page."""
