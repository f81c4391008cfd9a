"""PortOne V1's stand-in."""
