"""Refunds: reserved, requested once under an identity of their own, and followed until the gateway says done."""
