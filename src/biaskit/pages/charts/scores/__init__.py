"""Charts of scores: curves over scores and thresholds."""
