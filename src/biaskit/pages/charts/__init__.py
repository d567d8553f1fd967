"""Charts: plain records to SVG. They know no metrics, no counts and no pandas."""
