"""PortOne V1 (iamport), with Paymentwall or another PG. Facts and traps: the house's PortOne V1 contract."""
