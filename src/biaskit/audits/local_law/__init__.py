"""Local Law 144: applicants to the tables of the rule, and to a summary of their results."""
