"""Series: forecasts of time series, explained by asymmetric Shapley values as Clarify does."""
