"""Kernels of models: outputs and Shapley values of decision trees."""
