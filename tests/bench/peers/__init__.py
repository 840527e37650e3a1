"""What a user would pick instead of the worker, doing the same work; each reads the touchpoints in a group of its own."""
