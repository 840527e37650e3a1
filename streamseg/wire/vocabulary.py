"""The closed vocabularies of a touchpoint: its types and channels, and the codes that stand for them in columns.

The order is part of every changelog row and model artefact: append, never reorder.
"""

from __future__ import annotations

from typing import Final

TYPES: Final[tuple[str, ...]] = (
    "view",
    "search",
    "click",
    "cart_add",
    "cart_remove",
    "checkout",
    "purchase",
    "refund",
    "cancel",
    "subscribe",
    "renew",
    "unsubscribe",
    "email_sent",
    "email_open",
    "email_click",
    "push_open",
    "ad_impression",
    "ad_click",
    "social_engage",
    "store_visit",
    "support_contact",
    "review",
    "coupon_redeemed",
    "campaign_sent",
    "other",
)
"""Touchpoint types by code; a type that is not in the list is counted by name and kept as ``other``, the last."""

CHANNELS: Final[tuple[str, ...]] = (
    "web",
    "app",
    "email",
    "social",
    "store",
    "ads",
    "sms",
    "call",
    "mail",
    "other",
)
"""Channels by code; a missing or unknown channel is ``other``, the last."""

TYPE_CODES: Final[dict[str, int]] = {name: code for code, name in enumerate(TYPES)}
CHANNEL_CODES: Final[dict[str, int]] = {name: code for code, name in enumerate(CHANNELS)}
OTHER_TYPE: Final = TYPE_CODES["other"]
OTHER_CHANNEL: Final = CHANNEL_CODES["other"]

MONEY_SIGNS: Final[dict[str, int]] = {"purchase": 1, "subscribe": 1, "renew": 1, "refund": -1, "cancel": -1}
"""Types whose ``amount`` is money that changed hands, and which way; a cart's or a view's amount is not spend."""
