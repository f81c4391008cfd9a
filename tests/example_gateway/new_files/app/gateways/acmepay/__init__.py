"""AcmePay, the smallest gateway there can be."""
