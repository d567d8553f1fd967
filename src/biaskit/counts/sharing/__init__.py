"""Counts that may be given to others: what is rounded, and what is then known of a cell."""
