"""Parquet: counted as it is encoded, by the kernels, or handed to Arrow."""
