"""What a user would pick instead of the worker, doing the same work: processes that read in groups of their own."""
