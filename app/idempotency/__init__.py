"""Idempotency-Key: one intent, one answer."""
