"""Measures the product's roads against what the same Postgres does with the same statement and nothing around it."""
