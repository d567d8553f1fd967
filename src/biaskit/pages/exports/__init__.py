"""Exports: a report in forms for other programs: spreadsheets, model cards and notebooks."""
