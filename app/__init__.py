"""Onetill: a merchant's own payment backend. See docs/ and the README for the house plan."""
