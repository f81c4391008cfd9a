"""Payment links: `checkout_url` as something that is sent, printed as a QR code, ends, and can be closed."""
