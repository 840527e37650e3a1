"""What is decided: windows, silence, segments. Pure numpy: no clock, no randomness, no Kafka, no torch."""
