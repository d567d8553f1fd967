"""Measured: the rows of a job to its bias metrics, as Clarify types columns and counts them."""
