"""Pages: rows to a report that people read, one file that fetches nothing."""
