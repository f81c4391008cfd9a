"""Verification: fetch what the gateway holds, match it with what we stored, write what follows."""
