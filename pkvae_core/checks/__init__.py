"""Does the model keep what it promises: forecasts of real levels, comparison with the exact posterior."""
