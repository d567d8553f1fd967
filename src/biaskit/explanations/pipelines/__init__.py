"""Pipelines: which column of the data each number comes from that a model's last step takes."""
