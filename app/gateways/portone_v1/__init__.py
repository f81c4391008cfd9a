"""PortOne V1 (iamport), with Paymentwall or another PG. Facts and traps: docs/gateways/portone-v1.md."""
