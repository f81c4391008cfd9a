"""PortOne V2's stand-in: the REST API, the browser SDK with its payment window, and the Standard Webhooks.

Sources: shared contract portone-v2.md (collected 2026-11-21) and the official OpenAPI file 1.16.0. What neither says is
marked [I] (inferred) where it is decided; there the twin chooses what is hardest for a client.
"""
