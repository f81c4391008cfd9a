"""PortOne V1's stand-in: one merchant with one Paymentwall channel, in memory.

Source: shared contract portone-v1.md, official Swagger. What those leave open and this twin decided is marked [I] where
it is decided.
"""
