"""LINE NEXT Unifi Pay (Classic): a redirect to their start page, look-ups by their id, no refunds."""
