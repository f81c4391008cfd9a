"""What a person decides about a payment that calls one: keep the money, send it back, or close the payment."""
