"""What an operator sees of a worker: its metrics, its health and its log."""
