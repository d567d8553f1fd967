"""Counts: what one pass over the rows leaves, what it is of, and who is compared with whom."""
