"""How soon an output can be read after its touchpoint: a paced publisher, one contender, and a reader, on one clock.

Every touchpoint's event time is the instant at which it was due to be published, and every contender's outputs carry
the event time of what brought them about. So a reader needs no list of causes: its clock minus that time is the
latency, for all contenders alike. It holds the publisher's own delay and the append. `python -m tests.bench.latency`
"""
