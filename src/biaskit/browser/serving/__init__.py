"""Serving: requests of one browser on this machine to answers, and nothing to anybody else."""
