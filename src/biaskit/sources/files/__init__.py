"""Files: their bytes, local or remote, and text formats."""
