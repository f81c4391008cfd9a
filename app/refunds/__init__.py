"""Money back: refunds with an identity of their own, asked for once, and followed until the gateway says done."""
