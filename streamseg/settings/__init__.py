"""Every number and name that an operator may change, as one frozen tree: `tree.py` is the list.

`load` reads it from the environment and a file, `render` shows it. A function takes the two values that it needs, not
the tree: only `compose.py`, `app.py` and `agents/` hand it on.
"""

from streamseg.settings.reading import load
from streamseg.settings.showing import render
from streamseg.settings.tree import (
    DecisionSettings,
    KafkaSettings,
    ModelSettings,
    RetrainSettings,
    Settings,
    TouchpointSettings,
    WorkerSettings,
)

__all__ = [
    "DecisionSettings",
    "KafkaSettings",
    "ModelSettings",
    "RetrainSettings",
    "Settings",
    "TouchpointSettings",
    "WorkerSettings",
    "load",
    "render",
]
