"""What is said: bytes to columns and back. The only place that spells the fields of a touchpoint or an output."""
