"""Words for a behaviour: each stands for a difference that was measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from streamseg.core.windows import Int64Array
from streamseg.model.wording import Profiles, unique_names, word
from streamseg.wire.vocabulary import CHANNEL_CODES, TYPE_CODES
from tests.unit.model.clouds import some_profiles

HALF: Int64Array = np.arange(400) % 2


def alike() -> Profiles:
    """400 customers who differ in nothing but by chance."""
    random = np.random.default_rng(0)
    profiles = some_profiles(400)
    flat = random.uniform(0.9, 1.1, 400)
    return replace(profiles, buys=0.6 * flat, outcomes=flat, value=100.0 * flat)


def test_customers_like_all_others_are_typical() -> None:
    words, _ = word(alike(), HALF, 2)
    assert words == ("typical", "typical")


def test_only_what_differs_is_named() -> None:
    often = replace(alike(), outcomes=np.where(HALF == 1, 3.0, 0.3))
    assert word(often, HALF, 2)[0] == ("very rare", "regular")
    spends = replace(alike(), value=np.where(HALF == 1, 190.0, 10.0))
    assert word(spends, HALF, 2)[0] == ("low spend", "good spend")


def test_a_large_difference_among_few_is_chance_and_gets_no_word() -> None:
    random = np.random.default_rng(1)
    outcomes = np.full(400, 1.0)
    outcomes[:5] = (0.0, 0.0, 0.0, 0.0, 15.0)
    few = (np.arange(400) < 5).astype(np.int64)
    assert outcomes[few == 1].mean() > 2.5 * outcomes.mean()
    assert word(replace(alike(), outcomes=outcomes + random.normal(0.0, 0.01, 400)), few, 2)[0][1] == "typical"


def test_a_channel_that_carries_more_than_elsewhere_leads() -> None:
    profiles = alike()
    channels = profiles.channels.copy()
    channels[:, CHANNEL_CODES["email"]] = np.where(HALF == 1, 2.0 * channels[:, CHANNEL_CODES["web"]], 0.0)
    words, sentences = word(replace(profiles, channels=channels), HALF, 2)
    assert words[1] == "e-mail led"
    assert "e-mail led: 67 % of touchpoints (33 %)" in sentences[1]


def test_messages_that_nobody_opened_lead_nobody() -> None:
    profiles = alike()
    channels, types = profiles.channels.copy(), profiles.types.copy()
    sent = np.where(HALF == 1, 30.0, 0.0)
    channels[:, CHANNEL_CODES["email"]] = types[:, TYPE_CODES["email_sent"]] = sent
    assert word(replace(profiles, channels=channels, types=types), HALF, 2)[0] == ("typical", "typical")


def test_what_customers_do_is_named_with_its_share() -> None:
    profiles = alike()
    channels, types = profiles.channels.copy(), profiles.types.copy()
    types[:, TYPE_CODES["coupon_redeemed"]] = np.where(HALF == 1, channels[:, CHANNEL_CODES["web"]], 0.0)
    channels[:, CHANNEL_CODES["web"]] += types[:, TYPE_CODES["coupon_redeemed"]]
    words, sentences = word(replace(profiles, channels=channels, types=types), HALF, 2)
    assert words == ("typical", "coupon redeeming")
    assert "coupon redeeming: 50 % of touchpoints (25 %)" in sentences[1]


def test_a_description_gives_the_measurements() -> None:
    often = replace(alike(), outcomes=np.where(HALF == 1, 3.0, 1.0), buys=np.where(HALF == 1, 0.9, 0.3))
    assert word(replace(often, value=np.where(HALF == 1, 3_000.0, 1_000.0)), HALF, 2)[1][1] == (
        "Regular, good spend: 50 % of customers. Expected within 90 days, of all customers in brackets: "
        "3.0 outcome days (2.0), at least one for 90 % (60 %), spend 3,000 (2,000)."
    )


def test_names_are_unique_and_fit_the_wire() -> None:
    words = ["frequent, high spend, e-mail led", "typical", "typical", "typical"]
    assert unique_names(words) == ("frequent-high-spend-e-mail-led", "typical", "typical-2", "typical-3")
