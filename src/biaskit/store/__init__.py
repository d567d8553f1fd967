"""Store: files on this machine, saved whole or not at all, and addresses of those far away."""
