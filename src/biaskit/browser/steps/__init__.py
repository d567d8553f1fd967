"""Steps: what each state of the page shows: which table, what is what, which outcome, the report."""
