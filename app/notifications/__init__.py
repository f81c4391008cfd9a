"""What the shop is told: its endpoints, the relay of new events to them, the sender, and the feed."""
