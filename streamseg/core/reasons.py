"""Why a score is what it is, in a marketer's words: the few grounds that moved it most, each with its facts.

Arrives: how far each ground moved the churn probability, and the rows with their windows. Leaves: reasons, strongest
first. Every number in a sentence is read from the customer's own summaries; nothing is inferred.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from streamseg.core.explain import Moves, Scored
from streamseg.core.features import COLUMN, Records
from streamseg.core.grounds import BANDS, FEATURE_GROUNDS, KIND_TYPES, KINDS
from streamseg.core.windows import WindowSpec
from streamseg.wire.outputs import Direction, Reason
from streamseg.wire.vocabulary import TYPES

REASONS_LIMIT: Final = 3
LEAST_CONTRIBUTION: Final = 0.005
"""Grounds that move the probability by less are noise to a reader; the strongest is named all the same."""

EVERY_KIND: Final = "touchpoints"
_NAMES: Final = (*KINDS, EVERY_KIND)
_TYPES: Final = np.concatenate((KIND_TYPES, np.ones((1, KIND_TYPES.shape[1]), np.bool_)))
"""(K + 1, types)"""


def reasons_of(moves: Moves, scored: Scored, spec: WindowSpec) -> list[tuple[Reason, ...]]:
    """Name what moved each of M scores: one to three reasons a row, strongest first; none if nothing moved it at all."""
    strength = np.abs(moves.contribution)
    order = np.argsort(-strength, axis=1, kind="stable")[:, :REASONS_LIMIT]
    told = np.take_along_axis(strength, order, axis=1) >= LEAST_CONTRIBUTION
    told[:, 0] = strength.max(axis=1) > 0
    return [
        tuple(_reason(moves, scored, row, ground, spec) for ground in order[row, told[row]].tolist())
        for row in range(len(order))
    ]


def _reason(moves: Moves, scored: Scored, row: int, ground: int, spec: WindowSpec) -> Reason:
    contribution = round(float(moves.contribution[row, ground]), 4)
    direction: Direction = "raises" if moves.contribution[row, ground] > 0 else "lowers"
    if ground < len(FEATURE_GROUNDS):
        name = FEATURE_GROUNDS[ground].name
        return Reason(name, direction, contribution, feature_words(name, scored.x[row].tolist()))
    band = ground - len(FEATURE_GROUNDS)
    kind = int(moves.kind[row, band])
    summary = scored.past.summary[scored.ago(*BANDS[band]), row]
    summary = summary[summary["types"][:, _TYPES[kind]].any(axis=1)]
    first, last = int(summary["window"][0]), int(summary["window"][-1])
    span = when(scored.window - last, scored.window - first, spec.length_days)
    return Reason(
        name=_NAMES[kind],
        direction=direction,
        contribution=contribution,
        words=f"{span}: {touchpoint_words(_NAMES[kind], _counts(summary))}",
        from_time=spec.start_ms(first),
        until_time=min(spec.start_ms(last + 1), int(scored.instant_ms[row])),
    )


def _counts(summary: Records) -> dict[str, int]:
    counts = dict(zip(TYPES, summary["types"].sum(axis=0, dtype=np.int64).tolist(), strict=True))
    return counts | {"purchase_days": int(np.bitwise_count(summary["outcome_days"]).sum())}


# -- words ------------------------------------------------------------------------------------------------------------

_TOLD: Final[dict[str, tuple[tuple[tuple[str, ...], str, str], ...]]] = {
    "purchases": (
        (("purchase_days",), "bought on 1 day", "bought on {} days"),
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
"""By kind: what is counted together, and the phrase for one and for more. `purchase_days` are days with an outcome."""


def touchpoint_words(name: str, counts: Mapping[str, int]) -> str:
    """What happened, for people.

    Args:
        name: A kind of touchpoint, or `touchpoints` for all of them.
        counts: Touchpoints by type, and `purchase_days`; a missing name is 0.

    >>> touchpoint_words("touchpoints", {"purchase": 5, "purchase_days": 2, "email_open": 1})
    'bought on 2 days, 1 message opened or clicked'
    """
    phrases = []
    for kind in KINDS if name == EVERY_KIND else (name,):
        for types, one, many in _TOLD[kind]:
            number = sum(counts.get(each, 0) for each in types)
            if number:
                phrases.append(one if number == 1 else many.format(number))
    return ", ".join(phrases)


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


def feature_words(name: str, x: Sequence[float]) -> str:
    """What the row shows of one feature, for people.

    >>> x = [0.0] * len(COLUMN)
    >>> x[COLUMN["recency_days"]] = math.log1p(45)
    >>> feature_words("silence", x)
    'no touchpoint for 45 days'
    """

    def amount(column: str) -> int:
        return round(math.expm1(x[COLUMN[column]]))

    match name:
        case "silence":
            days = amount("recency_days")
            return f"no touchpoint for {_days(days)}" if days else "a touchpoint within the last day"
        case "purchase_recency" if x[COLUMN["never_outcome"]] > 0:
            return f"no purchase yet, {_days(amount('age_days'))} after the first touchpoint"
        case "purchase_recency":
            return f"last purchase {_days(amount('outcome_recency_days'))} ago"
        case "silence_since_purchase":
            days = amount("recency_days")
            return f"last purchase {_days(days)} ago and nothing since" if days else "a purchase within the last day"
        case "purchase_frequency":
            return f"bought on {_days(amount('outcome_days'))} in {_days(amount('age_days'))}"
        case "spend":
            each = f", {amount('spend_per_outcome_day'):,} a purchase day" if amount("outcome_days") > 1 else ""
            return f"{amount('spend'):,} spent in all{each}"
        case "money_back":
            return f"{round(100 * x[COLUMN['refund_share']])} % of the spend was given back"
        case "engagement":
            touchpoints = amount("touchpoints")
            plural = "" if touchpoints == 1 else "s"
            return f"{touchpoints} touchpoint{plural} on {_days(amount('active_days'))}"
        case "tenure":
            return f"customer for {_days(amount('age_days'))}"
    raise ValueError(f"no feature is named {name!r}")


def _days(number: int) -> str:
    return f"{number} day" if number == 1 else f"{number} days"
