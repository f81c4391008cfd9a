"""The aggregate: payment, attempt, refund, event. One writer, one version, one table of moves."""
