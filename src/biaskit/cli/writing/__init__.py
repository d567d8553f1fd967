"""Writing: what a verb puts on the terminal or into a file."""
