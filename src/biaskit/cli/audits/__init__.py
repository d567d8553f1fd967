"""Verbs of audits that have a module of their own."""
