"""streamseg: customer touchpoints in, segment changes and churn alerts out, exactly once, over Kafka.

The journey of a touchpoint, file by file; read them in this order:

    wire/touchpoint.py        bytes of the topic `touchpoints` -> columns; what can't be read -> `dead-letters`; scan.py
                              recognises what is plain, reference.py reads and refuses the rest
    core/admission.py         who is a duplicate, who is too late
    core/table.py             the customers of one partition; which of their rows must be scored, as of when
    core/features.py          windows -> the numbers that the model reads
    model/scorer.py           windows -> churn risk, expected purchases and value, behaviour; its members: blend.py,
                              whose networks are served by compiled loops: serving/
    core/decide.py            risk and behaviour -> segments and alerts, with hysteresis, so that nobody flaps
    core/explain.py           what moved a score: things are taken away, the model is asked again; reasons.py: in words
    emit.py, wire/writing.py  verdicts -> bytes of `segment-changes`, `churn-alerts`, `customer-profiles`
    pipeline.py               all of the above on one page: records in, `Effects` out, no Kafka in it

    kafka/partition_agent.py  one partition: fetch -> pipeline -> one transaction for outputs, state and offsets
    app.py                    settings -> services, agents and web pages of the Faust app
    cli.py, commands.py       what a user types

A model is made from history: model/history.py -> fit.py (network.py, encoders/) and classical/ -> candidates.py ->
gate.py -> train.py -> artifact.py; backtest/ measures it, agents/ keep it fresh. docs/model.md tells the rest.

What did not happen is an event, too: `core/table.py` also yields the customers who said nothing while a window closed.
Layers, as `make check` holds them: cli > backtest > app > web | agents > ops > kafka > pipeline > model > core > wire
> settings > errors.
"""

__version__ = "0.1.0"
