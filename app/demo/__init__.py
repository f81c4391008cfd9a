"""The demo: everything on one machine, with a small shop to buy from."""
