"""What the network reads of a customer, against the formulas in plain words, one number after the other."""

from __future__ import annotations

from math import log1p
from typing import Any

import numpy as np

from streamseg.core.features import COLUMN, FEATURES, Records, step_features
from streamseg.core.rows import COUNT_LIMIT, NEVER_MS, SUMMARY, bits_set
from streamseg.core.running import LIFE
from streamseg.core.scores import Float32Array
from streamseg.core.windows import DAY_MS, Int64Array, WindowSpec
from streamseg.wire.vocabulary import CHANNELS, TYPES

WEEKS = WindowSpec()
WINDOW = 2_800


def some_customers(count: int) -> tuple[Records, Records, Int64Array]:
    """Summaries, lives and instants within the window; every other customer has no outcome, a few have no window."""
    random = np.random.default_rng(3)
    summary, life = np.zeros(count, SUMMARY), np.zeros(count, LIFE)
    instant_ms = WEEKS.start_ms(WINDOW) + random.integers(0, WEEKS.length_ms, count)
    summary["window"] = WINDOW
    for name, most in (("types", 4), ("channels", COUNT_LIMIT), ("rating_count", 3), ("spend_micro", 10**9)):
        summary[name] = random.integers(0, most, summary[name].shape, endpoint=True)
    summary["rating_sum"] = 4 * summary["rating_count"]
    summary["session_bits"] = random.integers(0, 2**64, count, dtype=np.uint64)
    summary["active_days"], summary["outcome_days"] = random.integers(0, 2**7, (2, count))
    life["first_ms"] = instant_ms - random.integers(0, 90 * DAY_MS, count)
    life["last_ms"] = instant_ms - random.integers(0, DAY_MS, count)
    life["first_outcome_ms"], life["last_outcome_ms"] = NEVER_MS, 0
    life["first_outcome_ms"][::2] = life["last_outcome_ms"][::2] = life["first_ms"][::2] + 1
    for name in ("touchpoints", "outcome_days", "active_days"):
        life[name] = random.integers(0, 100, count)
    life["spend_micro"], life["refund_micro"] = random.integers(0, 2, count) * 10**8, random.integers(0, 10**9, count)
    summary[:4], summary["window"][:4] = np.zeros(4, SUMMARY), WINDOW
    summary["session_bits"][4] = np.uint64(2**64 - 1)
    return summary, life, instant_ms


def in_plain_words(summary: Any, life: Any, at_ms: int) -> dict[str, float]:
    """One row's features by name."""
    ever = life["last_outcome_ms"] > 0
    age = (at_ms - int(life["first_ms"])) / DAY_MS
    spend, refund = life["spend_micro"] / 1e6, life["refund_micro"] / 1e6
    bits = min(int(summary["session_bits"]).bit_count(), 63)
    rated = int(summary["rating_count"])
    days = int(life["outcome_days"])
    return {
        **{f"window_{name}": log1p(summary["types"][code]) for code, name in enumerate(TYPES)},
        **{f"window_channel_{name}": log1p(summary["channels"][code]) for code, name in enumerate(CHANNELS)},
        "window_spend": log1p(summary["spend_micro"] / 1e6),
        "window_money_back": log1p(summary["refund_micro"] / 1e6),
        "window_sessions": log1p(-64 * log1p(-bits / 64)),
        "window_active_days": log1p(int(summary["active_days"]).bit_count()),
        "window_outcome_days": log1p(int(summary["outcome_days"]).bit_count()),
        "window_rating": summary["rating_sum"] / rated - 3 if rated else 0,
        "window_rating_count": log1p(rated),
        "age_days": log1p(age),
        "outcome_age_days": log1p((at_ms - int(life["first_outcome_ms"])) / DAY_MS if ever else age),
        "recency_days": log1p((at_ms - int(life["last_ms"])) / DAY_MS),
        "outcome_recency_days": log1p((at_ms - int(life["last_outcome_ms"])) / DAY_MS if ever else age),
        "never_outcome": not ever,
        "touchpoints": log1p(life["touchpoints"]),
        "active_days": log1p(life["active_days"]),
        "outcome_days": log1p(days),
        "outcome_rate": log1p((days + 0.5) / (age + 30) * 30),
        "spend": log1p(spend),
        "spend_per_outcome_day": log1p(spend / max(days, 1)),
        "refund_share": min(refund / spend, 1) if spend else 0,
        "elapsed": (at_ms - WEEKS.start_ms(WINDOW)) / WEEKS.length_ms,
        "first_window": WEEKS.index_of(int(life["first_ms"])) == WINDOW,
    }


def described(count: int) -> Float32Array:
    return step_features(*some_customers(count), WEEKS)


def test_features_are_what_their_names_say() -> None:
    summary, life, instant_ms = some_customers(200)
    x = described(200)
    for row in range(200):
        plain = in_plain_words(summary[row], life[row], int(instant_ms[row]))
        assert tuple(plain) == FEATURES
        np.testing.assert_allclose(x[row], np.array(list(plain.values()), np.float32), rtol=2e-7)


def test_a_row_depends_on_itself_alone_to_the_bit() -> None:
    summary, life, instant_ms = some_customers(50)
    alone = [step_features(summary[row : row + 1], life[row : row + 1], instant_ms[row : row + 1], WEEKS)
             for row in range(50)]  # fmt: skip
    assert np.concatenate(alone).tobytes() == described(50).tobytes()


def test_an_instant_before_the_latest_touchpoint_counts_as_its_own() -> None:
    summary, life, instant_ms = some_customers(5)
    life["last_ms"] = instant_ms + 1
    assert not step_features(summary, life, instant_ms, WEEKS)[:, COLUMN["recency_days"]].any()


def test_bitmaps_are_counted_up_to_all_of_their_64_bits() -> None:
    assert [bits_set(np.uint64(bitmap)) for bitmap in (0, 1, 0b1011, 2**63, 2**64 - 1)] == [0, 1, 3, 1, 64]
