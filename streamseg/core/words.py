"""The sentences of reasons: facts about a customer, for a marketer, none of which says more than its numbers.

Arrives: names of grounds with counts, or with the features of a row. Leaves: phrases of a few words.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Final

import numpy as np

from streamseg.core.features import COLUMN
from streamseg.core.grounds import EVERY_KIND, FEATURE_GROUNDS, KIND_NAMES, KINDS
from streamseg.core.scores import Float32Array
from streamseg.core.windows import Int64Array
from streamseg.wire.vocabulary import TYPE_CODES

PHRASES_LIMIT: Final = 3
"""A sentence tells so many facts, and says if there are more."""

_TOLD: Final[dict[str, tuple[tuple[tuple[str, ...], str, str], ...]]] = {
    "purchases": (
        (("purchase", "renew"), "1 purchase or renewal", "{} purchases or renewals"),
        (("subscribe",), "1 subscription", "{} subscriptions"),
    ),
    "refunds": (
        (("refund",), "1 refund", "{} refunds"),
        (("cancel",), "1 cancellation", "{} cancellations"),
        (("unsubscribe",), "1 subscription ended", "{} subscriptions ended"),
    ),
    "browsing": (
        (("view", "search", "click"), "1 view, search or click", "{} views, searches or clicks"),
        (("other",), "1 other contact", "{} other contacts"),
    ),
    "cart": ((("cart_add", "cart_remove", "checkout"), "1 cart step", "{} cart steps"),),
    "messages": (
        (("email_sent",), "1 e-mail sent", "{} e-mails sent"),
        (("email_open", "email_click", "push_open"), "1 message opened or clicked", "{} messages opened or clicked"),
    ),
    "advertising": (
        (("ad_impression",), "1 ad shown", "{} ads shown"),
        (("ad_click", "social_engage"), "1 answer to ads or social posts", "{} answers to ads or social posts"),
    ),
    "store_visits": ((("store_visit",), "1 store visit", "{} store visits"),),
    "support": (
        (("support_contact",), "1 support contact", "{} support contacts"),
        (("review",), "1 review written", "{} reviews written"),
    ),
    "campaigns": (
        (("campaign_sent",), "1 campaign received", "{} campaigns received"),
        (("coupon_redeemed",), "1 coupon redeemed", "{} coupons redeemed"),
    ),
}
"""By kind: what is counted together, and the phrase for one and for more."""
_BY_CODE: Final = {
    kind: [([TYPE_CODES[name] for name in types], one, many) for types, one, many in phrases]
    for kind, phrases in _TOLD.items()
}
_PURCHASE: Final = TYPE_CODES["purchase"]

FACTS: Final = 3
"""Numbers that a sentence about a feature is made of, at most."""
_FACTS: Final[dict[str, tuple[str, ...]]] = {
    "silence": ("recency_days",),
    "purchase_recency": ("outcome_recency_days",),
    "silence_since_purchase": ("recency_days",),
    "no_purchase": ("age_days",),
    "purchase_frequency": ("outcome_days", "age_days"),
    "spend": ("spend", "spend_per_outcome_day", "outcome_days"),
    "money_back": ("refund_share",),
    "engagement": ("touchpoints", "active_days"),
    "tenure": ("age_days",),
}
_FACT_COLUMNS: Final = np.array(
    [[COLUMN[column] for column in (_FACTS[feature.name] * FACTS)[:FACTS]] for feature in FEATURE_GROUNDS]
)
"""(len(FEATURE_GROUNDS), FACTS) where they stand in a row of features."""


def outcome_word(outcome_types: Collection[str]) -> str:
    """What an outcome of this deployment may be called without saying something untrue.

    >>> outcome_word(("purchase", "renew")), outcome_word(("click",))
    ('purchase', 'outcome')
    """
    outcomes = set(outcome_types)
    return "purchase" if {"purchase", "renew"} <= outcomes <= set(KINDS["purchases"]) else "outcome"


@lru_cache(maxsize=16_384)  # most spans hold few touchpoints, so the same sentences come again and again
def touchpoint_words(name: str, counts: tuple[int, ...], purchase_days: int) -> str:
    """What happened.

    Args:
        name: One of `KIND_NAMES`.
        counts: Touchpoints by type code.
        purchase_days: Days with a purchase or renewal, told instead of their number (a basket may be many
            touchpoints); 0 where they are not known.

    >>> counts = [0] * len(TYPE_CODES)
    >>> counts[TYPE_CODES["purchase"]], counts[TYPE_CODES["email_open"]] = 5, 1
    >>> touchpoint_words("touchpoints", tuple(counts), 2)
    'purchases on 2 days, 1 message opened or clicked'
    """
    phrases = []
    for kind in KINDS if name == KIND_NAMES[EVERY_KIND] else (name,):
        for codes, one, many in _BY_CODE[kind]:
            number = sum([counts[code] for code in codes])
            if number and codes[0] == _PURCHASE and purchase_days:
                phrases.append(f"purchases on {_days(purchase_days)}")
            elif number:
                phrases.append(one if number == 1 else many.format(number))
    more = ["and more"] if len(phrases) > PHRASES_LIMIT else []
    return ", ".join((*phrases[:PHRASES_LIMIT], *more))


@lru_cache
def when(nearest: int, farthest: int, length_days: int) -> str:
    """Which windows, for people; 0 is the running one.

    >>> when(0, 0, 7), when(1, 1, 7), when(2, 5, 7), when(6, 6, 1)
    ('this week', 'last week', '2 to 5 weeks ago', '6 days ago')
    """
    window = _window_word(length_days)
    if farthest <= 1:
        return f"last {window}" if farthest else f"this {window}"
    span = f"{farthest}" if nearest == farthest else f"{nearest} to {farthest}"
    return f"{span} {window}s ago"


def _window_word(length_days: int) -> str:
    return {1: "day", 7: "week"}.get(length_days, f"{length_days}-day window")


def facts_of(x: Float32Array, row: Int64Array, ground: Int64Array) -> Int64Array:
    """Read the numbers that sentences about features tell.

    Args:
        x: (M, F) features of rows.
        row, ground: (P,) which rows the sentences are about, and which of `FEATURE_GROUNDS`.

    Returns:
        (P, FACTS) whole numbers: of what `_FACTS` names, shares in percent; its first one again where it names fewer.
    """
    column = _FACT_COLUMNS[ground]
    raw = x[row[:, None], column].astype(np.float64)
    facts: Int64Array = np.rint(np.where(column == COLUMN["refund_share"], 100 * raw, np.expm1(raw))).astype(np.int64)
    return facts


@lru_cache(maxsize=16_384)
def feature_words(name: str, facts: tuple[int, ...], outcome: str) -> str:
    """What the row shows of one feature.

    Args:
        name: Of one of `FEATURE_GROUNDS`.
        facts: (FACTS,) of the feature, from `facts_of`.
        outcome: What to call an outcome, from `outcome_word`.

    >>> x = np.zeros((1, len(COLUMN)), np.float32)
    >>> x[0, COLUMN["recency_days"]] = np.log1p(45)
    >>> (facts,) = facts_of(x, np.array([0]), np.array([0])).tolist()  # silence is the first
    >>> facts, feature_words("silence", tuple(facts), "purchase")
    ([45, 45, 45], 'no touchpoint for 45 days')
    """
    first, second, third = facts
    match name:
        case "silence":
            return f"no touchpoint for {_days(first)}" if first else "a touchpoint within the last day"
        case "purchase_recency":
            return f"last {outcome} {_days(first)} ago"
        case "silence_since_purchase":
            return f"last {outcome} {_days(first)} ago, nothing since" if first else f"{outcome} within the last day"
        case "no_purchase":
            return f"no {outcome} in {_days(first)} since the first touchpoint"
        case "purchase_frequency":
            return f"{outcome}s on {_days(first)} in {_days(second)}"
        case "spend":
            spent = f"{first:,} spent in all"
            return f"{spent}, {second:,} a {outcome} day" if third > 1 else spent
        case "money_back":
            return f"{first} % of the spend was given back"
        case "engagement":
            return f"{first:,} touchpoint{'' if first == 1 else 's'} on {_days(second)}"
        case "tenure":
            return f"customer for {_days(first)}"
    raise ValueError(f"no feature is named {name!r}")


def _days(number: int) -> str:
    return f"{number} day" if number == 1 else f"{number} days"
