"""Unifi Pay's stand-in."""
