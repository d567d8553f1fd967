"""Codes: columns as bytes, and the counts of their combinations, for all formats."""
