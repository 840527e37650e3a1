"""`streamseg demo`: a real shop's customers through the whole of streamseg, in a terminal, with nothing to set up.

An embedded broker, a model trained on the earlier part, the real worker as a process of its own, the later part
published at an accelerated clock, and what leaves read back from Kafka: counted, checked and shown. It fails unless
every touchpoint that was published was received.
"""

from streamseg.demo.run import Options, run

__all__ = ["Options", "run"]
