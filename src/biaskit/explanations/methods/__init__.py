"""Methods: ways to compute the Shapley values of rows, each for the models that it suits best."""
