"""PKVAE: one variational autoencoder per drug, from sparse levels to a dose. Knows nothing of Streamlit."""

__version__ = "0.1.0"
