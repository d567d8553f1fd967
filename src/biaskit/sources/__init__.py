"""Sources: from any table to counts, in one pass over its rows."""
