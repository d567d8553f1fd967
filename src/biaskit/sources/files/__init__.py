"""Files: where their bytes lie, local or remote, and how they are opened."""
