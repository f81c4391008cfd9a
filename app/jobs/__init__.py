"""The worker: looks at what is due, whoever forgot to tell us."""
