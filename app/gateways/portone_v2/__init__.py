"""PortOne V2: the browser SDK's payment window, look-ups, cancels. Facts and traps: the house's PortOne V2 contract."""
