"""Tests of the gateway simulator, over real HTTP."""
