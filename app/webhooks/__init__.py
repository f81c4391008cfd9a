"""Webhooks in: kept before they are answered, believed about nothing, and followed by a look-up."""
