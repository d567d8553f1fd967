"""Explanations: a model and a table to the parts of a gap."""
