"""Point3's stand-in: the legacy token and signature API, and its widget page.

The vendor's document leaves much open (bodies of look-ups, statuses, idempotency of confirm). Where it is silent, this
twin chooses what is hardest for a client: confirm is not idempotent, and the work is done before an answer is lost.
"""
