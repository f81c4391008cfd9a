"""Unifi Pay's stand-in (the Classic API of LINE NEXT): two calls, a start page and a callback. There is no refund API.

The vendor's document leaves much open: the states before the end, the bodies of errors, the callback's signature and
retries. What this twin chose is marked [I], inferred, where it is done; where there is a choice it is what is hardest for
a client: `requestId` is never replayed, the start page's token opens one browser, the callback may lie.
"""
