"""PortOne V2: the browser SDK's payment window, look-ups, cancels. Facts and traps: docs/gateways/portone-v2.md."""
