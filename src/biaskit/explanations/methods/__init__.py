"""Methods: the ways to the Shapley values of rows, each for the models that it explains best."""
