"""Browser: the page on which everything is chosen with a mouse."""
