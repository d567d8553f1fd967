"""Profile: what each column tells of a facet, where it is missing, and whom the rows are of."""
