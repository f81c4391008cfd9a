"""The tests. Everything real: Postgres from the wheel, gateways through the simulator over HTTP, Chromium for pages."""
