"""Sections of a page: each a part of its contents, written."""
