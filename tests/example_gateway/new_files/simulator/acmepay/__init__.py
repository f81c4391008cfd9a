"""AcmePay's stand-in."""
