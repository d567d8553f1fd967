"""Scores: tables of them that grow part by part, and how an engine is asked for them."""
