"""Kernels of text formats: which values stand in the needed cells of CSV and JSON."""
