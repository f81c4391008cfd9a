"""PortOne V2's stand-in."""
