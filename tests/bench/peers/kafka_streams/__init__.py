"""Kafka Streams on the JVM: the peer of another platform. README.md says what it does, and what was left out for it."""
