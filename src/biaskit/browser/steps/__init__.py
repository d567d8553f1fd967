"""Steps: what each state shows: which table, what is what, which outcome, the report."""
