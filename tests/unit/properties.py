"""How property tests run here: many examples, no clock in the verdict, nothing written into the working directory."""

from hypothesis import settings

thorough = settings(max_examples=100, deadline=None, database=None)
