"""Reports: counts to rows with their intervals and notes, and rows to sentences."""
