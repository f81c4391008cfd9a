"""Everything that speaks to a gateway: the port, the HTTP seam, the registry, and one folder per gateway."""
