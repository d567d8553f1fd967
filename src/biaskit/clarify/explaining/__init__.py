"""Explaining: Shapley values and partial dependence of a job's model, as Clarify reports them."""
