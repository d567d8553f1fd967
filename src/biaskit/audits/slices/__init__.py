"""Slices: every one of some columns, where a metric is worst and how bad it can be at most."""
