"""Scores: every threshold at once, which of them keep a limit, and how scores are calibrated."""
