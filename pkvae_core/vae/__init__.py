"""The variational autoencoder: from any number of levels to a distribution over z, from z to a concentration."""
