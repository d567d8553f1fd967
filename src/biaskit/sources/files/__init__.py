"""Files: where their bytes lie, local or remote, and the texts in them."""
