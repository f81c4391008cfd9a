"""The shared HTTP edge: problems, authentication, idempotency keys, pagination, bounds, and FastAPI's route class."""
