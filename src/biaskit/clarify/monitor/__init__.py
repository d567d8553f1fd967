"""Monitor: results of a job beside those of its baseline, and the captured data of endpoints."""
