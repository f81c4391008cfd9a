"""The shared HTTP edge: problems, auth, idempotency, pagination, limits, and how a route is declared and documented."""
