"""Point3's payment widget, the token and signature API. Facts and traps: docs/gateways/point3.md."""
