"""Point3's payment widget, the token and signature API. Facts and traps: the house's Point3 contract."""
