"""Results in, plotly figures out. Computes nothing."""
