"""The API from outside: status, problem, headers and stored rows, on real Postgres and the simulated gateway."""
