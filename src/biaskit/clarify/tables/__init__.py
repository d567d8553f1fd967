"""Tables: a job's data in any of Clarify's formats, as columns that pandas would type."""
