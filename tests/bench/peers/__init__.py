"""What a user would pick instead, each as its own documentation recommends, doing the same work.

`fold.py`, `network.py` and `decide.py` are the work, in plain Python as a careful user writes it; the others are the
frameworks around it. Left out in the peers' favour, all of them alike: duplicates and lateness (a late touchpoint
counts into the running window, without a refold), consent, the looks at silent customers, behaviour segments, expected
value, reasons, the classical member of a blend, and outputs that stand exactly once.
"""
