"""Store: local files, saved whole or not at all, and addresses of remote ones."""
