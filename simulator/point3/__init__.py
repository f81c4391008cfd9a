"""Point3: the legacy token and signature API, and its widget page."""
