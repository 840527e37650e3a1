"""Who lives in the simulated shop: the kinds of customers, how busy each is, and when they come, leave and withdraw.

This is the truth that no touchpoint tells; tests compare with it what the worker concluded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

DAY_MS: Final = 86_400_000
NEVER: Final = -1
KINDS: Final = ("loyal", "occasional", "seasonal", "browser", "churner")
"""`loyal` buys steadily; `occasional` buys now and then; `seasonal` is there in May, November and December only;
`browser` looks and hardly ever buys; `churner` is like `loyal` until a moment, then silent for ever."""
LOYAL, OCCASIONAL, SEASONAL, BROWSER, CHURNER = range(5)
_SHARES: Final = (0.25, 0.25, 0.10, 0.20, 0.20)
_ACTIVITY: Final = np.array([1.0, 0.25, 0.5, 1.0, 1.0])
"""Visits of each kind in its active time, relative to a loyal customer's."""


@dataclass(frozen=True, slots=True)
class People:
    """C customers; customer number i has the id `c<i>`. Every array has shape (C,)."""

    start_ms: int
    end_ms: int
    kind: NDArray[np.int8]
    """Index in `KINDS`."""
    born_ms: NDArray[np.int64]
    """No touchpoint before it."""
    churn_ms: NDArray[np.int64]
    """No touchpoint from then on; `NEVER` for all but churners."""
    withdrawn_ms: NDArray[np.int64]
    """Consent is withdrawn at this instant; `NEVER` for most."""
    restored_ms: NDArray[np.int64]
    """Consent is given again; `NEVER` for most."""
    changed_ms: NDArray[np.int64]
    """From then on the customer comes as often as before, looks and buys nothing; `NEVER` for most."""
    weight: NDArray[np.float64]
    """Expected share of all visits; sums to 1."""
    in_store: NDArray[np.bool_]
    """Comes to the store rather than to the website or app."""
    on_app: NDArray[np.bool_]
    spend_level: NDArray[np.float64]
    """Natural logarithm of the usual price of one piece that the customer buys."""

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def active_until_ms(self) -> NDArray[np.int64]:
        return np.where(self.churn_ms == NEVER, self.end_ms, self.churn_ms)


def draw_people(
    rng: np.random.Generator,
    *,
    customers: int,
    start_ms: int,
    end_ms: int,
    zipf_exponent: float,
    withdraw_share: float,
    changed_ms: NDArray[np.int64],
) -> People:
    """Draw the customers; the shares of the kinds are met to within one customer. `changed_ms` as in `People`."""
    length_ms = end_ms - start_ms
    bounds = np.round(np.cumsum(_SHARES) * customers).astype(np.int64)
    kind = rng.permutation(np.searchsorted(bounds, np.arange(customers), side="right")).astype(np.int8)

    # Half of them (and all that come by season) are there from the start; the others turn up in the first half.
    born = start_ms + (rng.random(customers) * length_ms * 0.5).astype(np.int64)
    born = np.where((rng.random(customers) < 0.5) | (kind == SEASONAL), start_ms, born)
    left = born + ((0.25 + 0.5 * rng.random(customers)) * (end_ms - born)).astype(np.int64)
    churn = np.where(kind == CHURNER, left, NEVER)

    rank = rng.permutation(customers) + 1.0
    active_ms = np.where(churn == NEVER, end_ms, churn) - born
    weight = rank**-zipf_exponent * _ACTIVITY[kind] * active_ms

    withdrawn, restored = _draw_consent(rng, born, np.where(churn == NEVER, end_ms, churn), withdraw_share)
    in_store = rng.random(customers) < 0.15
    return People(
        start_ms=start_ms,
        end_ms=end_ms,
        kind=kind,
        born_ms=born,
        churn_ms=churn,
        withdrawn_ms=withdrawn,
        restored_ms=restored,
        changed_ms=changed_ms,
        weight=weight / weight.sum(),
        in_store=in_store & (kind != BROWSER),
        on_app=~in_store & (rng.random(customers) < 0.4),
        spend_level=rng.normal(2.5, 0.6, customers),
    )


def draw_change(seed: int, *, customers: int, at_ms: int, share: float) -> NDArray[np.int64]:
    """(C,) when each customer changes: `at_ms` for a share of them, `NEVER` for the rest.

    From a stream of its own, so that up to then the shop is the same, byte for byte, with a change and without.
    """
    changed = np.full(customers, NEVER, dtype=np.int64)
    changed[np.random.default_rng((seed, 1)).permutation(customers)[: round(customers * share)]] = at_ms
    return changed


def _draw_consent(
    rng: np.random.Generator, born_ms: NDArray[np.int64], until_ms: NDArray[np.int64], share: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """When each customer withdraws the consent, and when half of those give it again."""
    customers = len(born_ms)
    withdrawn = np.full(customers, NEVER, dtype=np.int64)
    restored = np.full(customers, NEVER, dtype=np.int64)
    who = rng.permutation(customers)[: round(customers * share)]
    withdrawn[who] = born_ms[who] + ((0.3 + 0.4 * rng.random(len(who))) * (until_ms - born_ms)[who]).astype(np.int64)
    again = who[: len(who) // 2]
    restored[again] = withdrawn[again] + (until_ms[again] - withdrawn[again]) // 2
    return withdrawn, restored
