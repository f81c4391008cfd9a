"""The checkout: the buyer's page, with the gateway's widget, and the result."""
