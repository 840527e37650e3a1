"""What a score can be put down to: features of a customer's life, kinds of touchpoints, bands of windows.

Only names and columns; `explain.py` takes them away, `reasons.py` puts them in words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamseg.core.features import COLUMN
from streamseg.core.scores import Float32Array
from streamseg.core.windows import Int64Array
from streamseg.wire.vocabulary import TYPES


@dataclass(frozen=True, slots=True)
class Feature:
    """Columns of a life that mean one thing to a marketer: they are set to the training average together."""

    name: str
    columns: tuple[int, ...]


def _feature(name: str, *columns: str) -> Feature:
    return Feature(name, tuple(COLUMN[column] for column in columns))


FEATURE_GROUNDS: Final = (
    _feature("silence", "recency_days"),
    _feature("purchase_recency", "outcome_recency_days"),
    _feature("silence_since_purchase", "recency_days", "outcome_recency_days"),
    _feature("purchase_frequency", "outcome_days", "outcome_rate"),
    _feature("spend", "spend", "spend_per_outcome_day"),
    _feature("money_back", "refund_share"),
    _feature(
        "no_purchase",
        *("outcome_recency_days", "never_outcome", "outcome_days", "outcome_rate"),
        *("spend", "spend_per_outcome_day", "refund_share"),
    ),
    _feature("engagement", "touchpoints", "active_days"),
    _feature("tenure", "age_days", "outcome_age_days", "first_window"),
)
"""`elapsed` is in none of them: that a week is half over is nobody's doing."""
FEATURE_COLUMNS: Final = np.array(
    [[column in feature.columns for column in range(len(COLUMN))] for feature in FEATURE_GROUNDS], np.bool_
)
"""(len(FEATURE_GROUNDS), F) whether a column is of a feature."""
_INDEX: Final = {feature.name: index for index, feature in enumerate(FEATURE_GROUNDS)}


def has_feature(x: Float32Array) -> NDArray[np.bool_]:
    """(M, F) -> (M, len(FEATURE_GROUNDS)) which of them a row has: columns that say one fact of it are one ground.

    Where the latest touchpoint was itself the latest purchase, both recencies are one fact; where there was no
    purchase, all that is about purchases is.
    """
    has = np.ones((len(x), len(FEATURE_GROUNDS)), np.bool_)
    never = x[:, COLUMN["never_outcome"]] > 0
    same = ~never & (x[:, COLUMN["recency_days"]] == x[:, COLUMN["outcome_recency_days"]])
    has[:, _INDEX["silence_since_purchase"]] = same
    has[:, _INDEX["no_purchase"]] = never
    has[:, _INDEX["silence"]] = ~same
    has[:, _INDEX["purchase_recency"]] = ~same & ~never
    for name in ("purchase_frequency", "spend", "money_back"):
        has[:, _INDEX[name]] = ~never
    return has


KINDS: Final = {
    "purchases": ("purchase", "subscribe", "renew"),
    "refunds": ("refund", "cancel", "unsubscribe"),
    "browsing": ("view", "search", "click", "other"),
    "cart": ("cart_add", "cart_remove", "checkout"),
    "messages": ("email_sent", "email_open", "email_click", "push_open"),
    "advertising": ("ad_impression", "ad_click", "social_engage"),
    "store_visits": ("store_visit",),
    "support": ("support_contact", "review"),
    "campaigns": ("campaign_sent", "coupon_redeemed"),
}
"""Touchpoint types by the name under which a marketer thinks of them; each type is in one kind."""

EVERY_KIND: Final = len(KINDS)
"""K: stands for the touchpoints of all kinds together."""
KIND_NAMES: Final = (*KINDS, "touchpoints")
"""K + 1 names."""
GROUND_NAMES: Final = (*(feature.name for feature in FEATURE_GROUNDS), *KIND_NAMES)
"""What a reason may be called: features, then kinds."""
KIND_TYPES: Final = np.array(
    [[name in types for name in TYPES] for types in KINDS.values()] + [[True] * len(TYPES)], np.bool_
)
"""(K + 1, types) whether a type belongs to a kind."""
BRINGS_SPEND: Final = np.array([name in ("purchases", "touchpoints") for name in KIND_NAMES])
"""(K + 1,) the kinds without which nothing is spent, since the amounts of other types are no money."""
BRINGS_REFUND: Final = np.array([name in ("refunds", "touchpoints") for name in KIND_NAMES])
"""(K + 1,) the kinds without which nothing is given back."""

BANDS: Final = ((0, 0), (1, 1), (2, 5), (6, 18), (19, 51))
"""Nearest and farthest window of each band, in windows ago: 0 is the running one. A fold reaches 51 back at most."""

_FARTHEST: Final = np.array([farthest for _, farthest in BANDS])


def band_of(ago: Int64Array) -> Int64Array:
    """Index in `BANDS` by windows ago, 0 to 51.

    >>> band_of(np.array([0, 1, 2, 5, 6, 51])).tolist()
    [0, 1, 2, 2, 3, 4]
    """
    return np.searchsorted(_FARTHEST, ago)
