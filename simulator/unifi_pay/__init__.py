"""Unifi Pay (the Classic API of LINE NEXT): two calls, a start page and a callback. There is no refund API."""
