"""What was decided about a model, by whom and why: a record of the topic `models` beside the artefacts.

Decisions arrive as values and leave as bytes, and back. Declared once: `schema.py` makes the JSON Schema from
the class. Only finite numbers leave.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Annotated, Any, Final, Literal

import orjson

from streamseg.errors import ConfigError, InvariantError
from streamseg.wire.declared import Says
from streamseg.wire.times import rfc3339

Kind = Literal["trained", "stored", "shadowed", "promoted", "refused", "rolled_back", "drift", "failed"]
By = Literal["command", "schedule", "data", "drift", "shadow", "matured", "operator"]

KEY: Final = b"decision/"
"""Prefix of the key; then come the time in 13 digits, the kind and the version, so keys sort as decisions were made."""
NO_VERSION: Final = "none"


@dataclass(frozen=True, slots=True)
class ModelDecision:
    """One decision: a record of `models` with the key `decision/<at_ms>-<kind>-<version>`."""

    kind: Annotated[
        Kind,
        Says(
            "trained: a challenger came of a training; stored: put there, not current; shadowed: stored, to be judged "
            "on live traffic; promoted: current; refused: it may not serve; rolled_back: another serves instead; "
            "drift: the stream is no more what the model has learnt; failed: the training came to nothing."
        ),
    ]
    version: Annotated[str | None, Says("Version of the model that it is about; null where there is none.")]
    by: Annotated[
        By,
        Says(
            "What caused it: a command, the schedule, the amount of new data, drift, the end of a shadow's time, "
            "matured outcomes, or a person at the command line."
        ),
    ]
    reasons: Annotated[tuple[str, ...], Says("Every ground for it, in words.")]
    at_ms: Annotated[int, Says("When, milliseconds UTC by the decider's clock.", {"minimum": 0}, 1_709_642_096_789)]
    figures: Annotated[dict[str, float], Says("The numbers behind it, by name.", None, {"log_loss": 0.41})] = field(
        default_factory=dict
    )

    @property
    def key(self) -> bytes:
        """Key of its record."""
        return KEY + f"{self.at_ms:013d}-{self.kind}-{self.version or NO_VERSION}".encode()


@dataclass(frozen=True, slots=True)
class Why:
    """By whom something is done to the registry, and on what grounds; what is done makes it a decision."""

    by: By
    at_ms: int
    """Milliseconds UTC, by the clock of whoever decides."""
    reasons: tuple[str, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)

    def decision(self, kind: Kind, version: str | None) -> ModelDecision:
        """As it stands on the topic."""
        return ModelDecision(kind, version, self.by, self.reasons, self.at_ms, dict(self.figures))


def encode_decision(decision: ModelDecision) -> bytes:
    """Write a decision as JSON.

    Raises:
        InvariantError: If a figure is not finite: a decision that rests on it is none.
    """
    for name, value in decision.figures.items():
        if not isfinite(value):
            raise InvariantError(f"decision {decision.kind} of model {decision.version}: {name} is {value}")
    return orjson.dumps(asdict(decision))


def decode_decision(value: bytes) -> ModelDecision:
    """Read a decision.

    Raises:
        ConfigError: If it is none.
    """
    try:
        told: dict[str, Any] = orjson.loads(value)
        fields = {name: told[name] for name in ModelDecision.__dataclass_fields__}
        return ModelDecision(**fields | {"reasons": tuple(told["reasons"])})
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"a decision on the topic models can't be read ({error!r}); write a tombstone under its key to delete it"
        ) from error


def describe_decision(decision: ModelDecision) -> str:
    """A decision on one line, for people.

    >>> describe_decision(ModelDecision("promoted", "3f9c2a", "drift", ("log loss 0.41 is within 0.45",), 0))
    '1970-01-01T00:00:00.000Z  promoted    3f9c2a  by drift: log loss 0.41 is within 0.45'
    """
    why = "; ".join(decision.reasons) or "no reason was given"
    version = decision.version or NO_VERSION
    return f"{rfc3339(decision.at_ms)}  {decision.kind:10}  {version}  by {decision.by}: {why}"
