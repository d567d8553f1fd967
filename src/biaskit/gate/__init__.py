"""Gate: a report against limits, and data sets of a configuration to findings and an exit code."""
