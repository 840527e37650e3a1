"""What the machine allows: parts of the worker's job done alone."""
