"""Asked: what a job's configuration asks for, read and checked before any data are."""
