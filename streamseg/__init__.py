"""streamseg: customer touchpoints in, segment changes and churn alerts out, exactly once, over Kafka.

The journey of a touchpoint, file by file; read them in this order:

    wire/touchpoint.py    bytes of the topic `touchpoints` -> columns; what cannot be read -> `dead-letters`
    core/table.py         the customers of one partition: who is a duplicate, too late, new; which window a touch falls in
    core/silence.py       who said nothing while a window closed: an event that did not happen is an event, too
    core/features.py      windows -> the numbers that the model reads
    model/scorer.py       windows -> churn risk, expected purchases and value, behaviour (the network: model/network.py)
    core/segments.py      risk and behaviour -> a segment, with hysteresis, so that nobody flaps
    wire/outputs.py       decisions -> bytes of `segment-changes`, `churn-alerts`, `customer-profiles`
    pipeline.py           the eight lines above on one page: `process(batch) -> Effects`, no Kafka in it

    kafka/inference.py    one partition: fetch -> pipeline -> one transaction for outputs, state and offsets
    app.py                settings -> services, agents and web pages of the Faust app
    cli.py                the commands

Layers, held by `make check`: cli > app > web | agents > ops > kafka > pipeline > model > core > wire > settings > errors.
"""

__version__ = "0.1.0"
