"""PortOne V2: the REST API, the browser SDK with its payment window, and the Standard Webhooks."""
