"""Why a score is what it is, in a marketer's words: the few feature groups that moved it most, with their facts.

Arrives: how far each group moved the churn probability, and the features of the row. Leaves: reasons, strongest first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from streamseg.core.features import COLUMN, GROUPS
from streamseg.core.scores import Float32Array, Float64Array
from streamseg.wire.outputs import Reason

REASONS_LIMIT: Final = 3
LEAST_CONTRIBUTION: Final = 0.005
"""Groups that move the probability by less are noise to a reader; the strongest is named in any case."""


def reasons_of(contribution: Float64Array, x: Float32Array) -> tuple[Reason, ...]:
    """Name what moved one score.

    Args:
        contribution: (G,) churn probability as it is minus with each of `features.GROUPS` occluded.
        x: (F,) the row that was scored.

    Returns:
        One to three reasons, strongest first.
    """
    # Lists: reading single numbers out of arrays took half of the time.
    moves: list[float] = contribution.tolist()
    facts: list[float] = x.tolist()
    order = sorted(range(len(GROUPS)), key=lambda group: -abs(moves[group]))[:REASONS_LIMIT]
    told = [group for group in order if abs(moves[group]) >= LEAST_CONTRIBUTION] or order[:1]
    return tuple(
        Reason(
            name=GROUPS[group].name,
            direction="raises" if moves[group] > 0 else "lowers",
            contribution=round(moves[group], 4),
            words=words(GROUPS[group].name, facts),
        )
        for group in told
    )


def words(group: str, x: Sequence[float]) -> str:
    """What the row shows of one group, for people.

    >>> x = [0.0] * len(COLUMN)
    >>> x[COLUMN["recency_days"]] = math.log1p(45)
    >>> words("silence", x)
    'no touchpoint for 45 days'
    """

    def amount(feature: str) -> int:
        return round(math.expm1(x[COLUMN[feature]]))

    def total(noun: str, *features: str) -> str:
        return _count(sum(amount(feature) for feature in features), noun)

    match group:
        case "silence":
            days = amount("recency_days")
            return f"no touchpoint for {_count(days, 'day')}" if days else "a touchpoint within the last day"
        case "purchase_recency":
            if x[COLUMN["never_outcome"]] > 0:
                return f"no purchase yet, {_count(amount('age_days'), 'day')} after the first touchpoint"
            return f"last purchase {_count(amount('outcome_recency_days'), 'day')} ago"
        case "purchase_frequency":
            days, age = amount("outcome_days"), amount("age_days")
            return f"purchases on {_count(days, 'day')} in {_count(age, 'day')}"
        case "recent_purchases":
            return f"purchases on {_count(amount('window_outcome_days'), 'day')} lately"
        case "spend":
            return f"{amount('spend')} spent in all, {amount('spend_per_outcome_day')} a purchase day"
        case "refunds":
            return f"{round(100 * x[COLUMN['refund_share']])} % of the spend was given back"
        case "activity":
            return f"{_count(amount('touchpoints'), 'touchpoint')} on {_count(amount('active_days'), 'day')}"
        case "cart":
            return f"{total('cart step', 'window_cart_add', 'window_checkout')} lately"
        case "messages":
            answers = ("window_email_open", "window_email_click", "window_push_open")
            return f"{total('message', 'window_email_sent')} and {total('response', *answers)} lately"
        case "advertising":
            return f"{total('response', 'window_ad_click', 'window_social_engage')} to advertising or social lately"
        case "store_visits":
            return f"{total('store visit', 'window_store_visit')} lately"
        case "support":
            contacts = total("support contact", "window_support_contact")
            return f"{contacts} and {total('review', 'window_review')} lately"
        case "campaigns":
            sent = total("campaign", "window_campaign_sent")
            return f"{sent} received and {total('coupon', 'window_coupon_redeemed')} redeemed lately"
        case "tenure":
            return f"customer for {_count(amount('age_days'), 'day')}"
        case _:
            return "how the earlier weeks went, taken together"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
