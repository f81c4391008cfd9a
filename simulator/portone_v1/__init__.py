"""PortOne V1: one merchant with one Paymentwall channel (or another PG's virtual accounts)."""
