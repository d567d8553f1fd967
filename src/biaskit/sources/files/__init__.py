"""Files: where their bytes lie, here or far away, and the texts in them."""
