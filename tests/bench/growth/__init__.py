"""How cost grows: with customers, windows, batches, partitions, workers; memory, restore, and retraining alongside.

`make bench SUITE=growth`; docs/scaling.md says what is measured and reckons with it.
"""
