"""What an analyst would try: the classical models, fitted on what was known at the cut-off.

Arrives: a history. Leaves: forecasters by name. LightGBM is an extra: where it is not installed it does not compete.
"""

from __future__ import annotations

from importlib.util import find_spec

from streamseg.model.classical import boosting, members
from streamseg.model.fit import Progress
from streamseg.model.forecaster import Forecaster
from streamseg.model.history import History

STAGE = "fitting the classical models"


def classical(history: History, *, until_ms: int, horizon_days: float, progress: Progress) -> dict[str, Forecaster]:
    """Fit every classical contender on outcomes up to an instant."""
    fitted: dict[str, Forecaster] = {}
    for name in members.FITS:
        progress(STAGE, len(fitted) / (len(members.FITS) + 1))
        fitted[name] = members.fit(name, history, until_ms=until_ms)
    if find_spec("lightgbm") is not None:
        progress(STAGE, len(fitted) / (len(members.FITS) + 1))
        fitted["lightgbm"] = boosting.fit(history, until_ms=until_ms, horizon_days=horizon_days)
    progress(STAGE, 1.0)
    return fitted
