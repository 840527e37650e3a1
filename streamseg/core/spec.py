"""The rules of one deployment: windows, admission, gate and silence as plain numbers, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streamseg.core.windows import DAY_MS, WindowSpec
from streamseg.wire.vocabulary import TYPE_CODES, TYPES


@dataclass(frozen=True, slots=True)
class CoreSpec:
    """What a customer's history is and who may be scored. A table, a model and a changelog belong to one spec."""

    windows: WindowSpec = field(default_factory=WindowSpec)
    allowed_lateness_ms: int = DAY_MS
    """How far behind the watermark a touchpoint may be and still count; at most 13 windows (the fold's anchor)."""
    keep_ids: int = 64
    """A customer's last so many event ids are remembered, however old."""
    outcome_types: tuple[str, ...] = ("purchase", "renew")
    """What the model predicts: days with a touchpoint of these types."""
    gate_touchpoints: int = 3
    """Below so many touchpoints a customer is `new`, not scored."""
    gate_age_days: int = 7
    """Nor before so many days after the first."""
    silent_windows: int = 52
    """A customer silent for longer is not looked at any more until the next touchpoint; 0: nobody is in between."""

    def __post_init__(self) -> None:
        if not 0 <= self.allowed_lateness_ms <= 13 * self.windows.length_ms:
            raise ValueError(
                f"allowed_lateness_ms is {self.allowed_lateness_ms}; expected 0 to 13 windows "
                f"({13 * self.windows.length_ms}), since older windows may already be folded for good"
            )
        unknown = [name for name in self.outcome_types if name not in TYPE_CODES]
        if unknown or not self.outcome_types:
            raise ValueError(f"outcome_types has {unknown or 'no name'}; expected one or more of {', '.join(TYPES)}")

    @property
    def outcome_by_code(self) -> NDArray[np.bool_]:
        """(types,) whether each type is an outcome."""
        return np.array([name in self.outcome_types for name in TYPES], np.bool_)
