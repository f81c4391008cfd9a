"""What is true about payments with no input or output: money, states, ids, errors, time. Standard library only."""
