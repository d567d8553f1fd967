"""Kernels of Parquet: from the bytes of a column chunk to the codes of its rows."""
