"""The whole work on one touchpoint, for frameworks that hand them over one at a time: fold, score, decide.

Arrives: a customer as it was kept, a touchpoint. Leaves: the customer changed, and what is to be said.
"""

from __future__ import annotations

from dataclasses import dataclass

from streamseg.core.scores import Float32Array
from tests.bench.peers.decide import Decided, Said, decide, is_gated
from tests.bench.peers.fold import Customer, Touch
from tests.bench.peers.network import NumpyModel, TorchModel


@dataclass(slots=True)
class Kept:
    """All that is kept of one customer between two touchpoints."""

    customer: Customer
    decided: Decided
    state: Float32Array
    """(S,) of the network."""


def work(kept: Kept | None, touch: Touch, model: TorchModel | NumpyModel) -> tuple[Kept, list[Said]]:
    """Count the touchpoint in, score it and decide."""
    kept = kept or Kept(Customer.met(touch), Decided(), model.zero)
    customer = kept.customer
    if closed := customer.add(touch):
        kept.state = model.advance(kept.state, closed)
    at_ms = customer.last_ms
    risk = None
    if not is_gated(customer, at_ms):
        x = customer.features(at_ms)
        risk = model.risk(kept.state, x) if isinstance(model, NumpyModel) else model.risks([kept.state], [x])[0]
    said = decide(kept.decided, touch, risk, at_ms=at_ms, quiet_since_ms=customer.quiet_since_ms, version=model.version)
    return kept, said
