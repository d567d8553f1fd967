"""Counts: the tables that one pass over the rows makes, their roles, and comparisons."""
