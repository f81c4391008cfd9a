"""A stand-in for the real gateways: on the wire like them, with a journal of what really happened to the money.

Used by the demo and by tests; never in live mode. `server.py` runs it, `admin.py` is the tester's hand (`/_sim`), and
each imitated gateway is one folder that builds on `twin.Twin`. Nothing here knows the product that it is tested with.
Sources are the pages in docs/gateways; what they leave open is marked [I], inferred, where it is decided, and then it is
what is hardest for a client.
"""
