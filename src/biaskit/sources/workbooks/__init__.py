"""Workbooks: the rows of a sheet of an .xlsx, read by openpyxl within bounds."""
