"""Text formats: CSV in any dialect and JSON Lines, as columns."""
