"""What a behaviour is called: words for what sets its customers apart from all customers, each with its measurement.

Arrives: forecasts and touchpoint counts of N customers, and the behaviour of each. Leaves: a few words and a sentence
for each behaviour. A word stands only where the difference is large and is not chance. Pure numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamseg.core.scores import Float64Array
from streamseg.core.windows import Int64Array
from streamseg.wire.vocabulary import CHANNEL_CODES, CHANNELS, TYPE_CODES

LIFT: Final = 1.5
"""Least ratio to all customers for a word about how customers come and what they do."""
SURE: Final = 3.0
"""Least distance from all customers, in standard errors of the mean, for any word."""
_LEADS: Final = 0.25
"""A channel that carries a smaller share of touchpoints leads nobody."""
_SOME: Final = 0.01
"""A kind of touchpoint that is rarer than this among a behaviour's touchpoints characterises nobody."""

_FREQUENCY: Final = (
    (0.2, "very rare"),
    (0.45, "rare"),
    (0.75, "occasional"),
    (1.33, ""),
    (2.2, "regular"),
    (5.0, "frequent"),
    (np.inf, "very frequent"),
)
"""Upper bounds of the ratio to all customers, expected purchases, and the word below each; none in the middle."""
_SPEND: Final = ((0.45, "low spend"), (0.75, "modest spend"), (1.33, ""), (2.2, "good spend"), (np.inf, "high spend"))
_LED: Final = {"email": "e-mail led", "ads": "ad led", "sms": "SMS led", "call": "phone led", "mail": "letter led"}
_SENT: Final = {"email": "email_sent", "ads": "ad_impression", "mail": "campaign_sent"}
"""What the shop sends through a channel: no act of the customer, so it leads nobody."""
_KINDS: Final = {
    "browsing": ("view", "search", "click"),
    "cart filling": ("cart_add", "cart_remove", "checkout"),
    "often returning": ("refund", "cancel"),
    "subscribing": ("subscribe", "renew"),
    "message reading": ("email_open", "email_click", "push_open"),
    "ad clicking": ("ad_click",),
    "social": ("social_engage",),
    "store visiting": ("store_visit",),
    "support seeking": ("support_contact",),
    "reviewing": ("review",),
    "coupon redeeming": ("coupon_redeemed",),
}


@dataclass(frozen=True, slots=True)
class Profiles:
    """What N customers are expected to do within the horizon, and what they have done so far."""

    buys: Float64Array
    """(N,) P(at least one outcome day), 0 to 1."""
    outcomes: Float64Array
    """(N,) expected outcome days, at least 0."""
    value: Float64Array
    """(N,) expected discounted spend, base currency, at least 0."""
    types: Float64Array
    """(N, T) touchpoints of each type so far."""
    channels: Float64Array
    """(N, C) touchpoints through each channel so far."""
    horizon_days: float


def word(profiles: Profiles, label: Int64Array, behaviours: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Describe K behaviours.

    Args:
        profiles: Of N customers.
        label: (N,) behaviour of each, 0 to K - 1; each behaviour has a customer.
        behaviours: K.

    Returns:
        K lists of words, joined by commas ("frequent, high spend, e-mail led"; "typical" if nothing sets it apart), and
        K sentences that give the measurements.
    """
    words, sentences = [], []
    traits = _traits(profiles)
    for j in range(behaviours):
        inside = label == j
        said = [
            text
            for values, ladder in ((profiles.outcomes, _FREQUENCY), (profiles.value, _SPEND))
            if (text := _step(values, inside, ladder))
        ]
        marked = [
            (text, float(values[inside].mean()), float(values.mean()))
            for text, values, least in traits
            if values[inside].mean() >= max(LIFT * values.mean(), least) and _is_sure(values, inside)
        ]
        marked.sort(key=lambda trait: -trait[1] / trait[2])
        words.append(", ".join((*said, *(text for text, _, _ in marked[:1]))) or "typical")
        sentences.append(_sentence(profiles, inside, words[-1], marked))
    return tuple(words), tuple(sentences)


def unique_names(words: Sequence[str], taken: Sequence[str] = ()) -> tuple[str, ...]:
    """Names as they stand on the wire: words with hyphens, a number where one is taken.

    >>> unique_names(["rare, low spend", "typical", "typical"], taken=["rare-low-spend"])
    ('rare-low-spend-2', 'typical', 'typical-2')
    """
    names: list[str] = []
    for text in words:
        plain = "-".join(text.replace(",", "").lower().split())
        name, number = plain, 1
        while name in names or name in taken:
            number += 1
            name = f"{plain}-{number}"
        names.append(name)
    return tuple(names)


def _traits(profiles: Profiles) -> list[tuple[str, Float64Array, float]]:
    """Each word about channels and kinds, (N,) its share of a customer's own touchpoints, and the least share."""
    by_channel = {name: profiles.channels[:, code] for name, code in CHANNEL_CODES.items()}
    for channel, sent in _SENT.items():
        by_channel[channel] = np.maximum(by_channel[channel] - profiles.types[:, TYPE_CODES[sent]], 0.0)
    acts = np.maximum(sum(by_channel.values()), 1.0)
    channels = [
        (_LED.get(name, f"{name} led"), by_channel[name] / acts, _LEADS) for name in CHANNELS if name != "other"
    ]
    kinds = [
        (text, profiles.types[:, [TYPE_CODES[name] for name in names]].sum(axis=1) / acts, _SOME)
        for text, names in _KINDS.items()
    ]
    return [*channels, *kinds]


def _step(values: Float64Array, inside: NDArray[np.bool_], ladder: Sequence[tuple[float, str]]) -> str:
    ratio = float(values[inside].mean()) / max(float(values.mean()), 1e-12)
    text = next(text for bound, text in ladder if ratio <= bound)
    return text if _is_sure(values, inside) else ""


def _is_sure(values: Float64Array, inside: NDArray[np.bool_]) -> bool:
    some = values[inside]
    error = float(some.std(ddof=1)) / np.sqrt(len(some)) if len(some) > 1 else np.inf
    return bool(abs(some.mean() - values.mean()) > SURE * error)


def _sentence(
    profiles: Profiles, inside: NDArray[np.bool_], words: str, marked: Sequence[tuple[str, float, float]]
) -> str:
    (days, all_days), (buys, all_buys), (spend, all_spend) = (
        (values[inside].mean(), values.mean()) for values in (profiles.outcomes, profiles.buys, profiles.value)
    )
    traits = "".join(f"; {text}: {inner:.0%} of touchpoints ({outer:.0%})" for text, inner, outer in marked)
    text = (
        f"{words[0].upper()}{words[1:]}: {inside.mean():.0%} of customers. Expected within {profiles.horizon_days:g} "
        f"days, of all customers in brackets: {days:.1f} outcome days ({all_days:.1f}), at least one for {buys:.0%} "
        f"({all_buys:.0%}), spend {spend:,.0f} ({all_spend:,.0f}){traits}."
    )
    return text.replace("%", " %")
