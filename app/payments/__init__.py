"""Payments and their attempts: create, open, verify, read."""
