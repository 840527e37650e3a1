"""The card says what the manifest knows, and what the model is not good for."""

from __future__ import annotations

from typing import Any

from streamseg.model.card import model_card

MANIFEST: dict[str, Any] = {
    "sha256": "3f9c2a71b0de" + 52 * "0",
    "features": ["a", "b"],
    "outcome_types": ["purchase", "renew"],
    "window_length_days": 7,
    "networks": [{"encoder": "gru", "hidden": 32}, {"encoder": "lstm", "hidden": 32}],
    "classical": {"name": "pareto_nbd"},
    "share": 0.25,
    "horizon_days": 90.0,
    "customers": 4_372,
    "data_from_ms": 1_291_190_400_000,
    "data_until_ms": 1_314_835_200_000,
    "calibration": {"horizon_days": 90.0, "level": 0.912345, "slope": 1.1},
    "reasons": ["log loss 0.4100 is within 0.5220 (past_rate)"],
    "behaviours": {
        "ids": ["b1f0", "b2e9"],
        "names": ["bargain", "steady"],
        "descriptions": ["Buys cheap.", "Buys often."],
        "stability": 0.87,
        "remarks": ["steady: was regular."],
    },
    "metrics": {
        "candidate.rows": 12_345.0,
        "candidate.log_loss": 0.41,
        "candidate.auc": 0.86,
        "past_rate.log_loss": 0.52,
        "incumbent.log_loss": 0.45,
        "origin_ms": 1_304_208_000_000.0,
        "origin_horizon_days": 90.0,
    },
    "parent": "8d01c6e5f2aa",
}

CARD = """\
# Model 3f9c2a71b0de

Forecasts for each customer whether purchase or renew follows within 90 days, how often, and what it is worth. \
Members: gru-32, lstm-32 75 %, pareto_nbd 25 %; windows of 7 days with 2 features each.

## Data

4,372 customers, from 2010-12-01 to 2011-09-01. Trained to replace 8d01c6e5f2aa.

## How good it was before it served

Judged from 2011-05-01 on, by weights fitted before, over 90 days, on 12,345 instants:

| | log_loss | auc | brier | ece | bias_pct | alert_rate |
|---|---:|---:|---:|---:|---:|---:|
| candidate | 0.4100 | 0.8600 |  |  |  |  |
| incumbent | 0.4500 |  |  |  |  |  |
| past_rate | 0.5200 |  |  |  |  |  |

## Calibration

horizon_days 90, level 0.9123, slope 1.1

## What the gate said

- log loss 0.4100 is within 0.5220 (past_rate)

## Segments

- bargain (b1f0): Buys cheap.
- steady (b2e9): Buys often.
- Stability 0.87 (bootstrap ARI).
- steady: was regular.

## Limits

- It has seen nothing after 2011-09-01; what changed since, it does not know.
- Its figures are those of weights fitted before the origin; the weights that serve were fitted on all.
- It says who is likely to be lost, not who can be won: that takes the hold-out group.
"""


def test_the_card_is_the_template_filled_in_from_the_manifest() -> None:
    assert model_card(MANIFEST) == CARD


def test_a_model_judged_on_a_shorter_horizon_says_so() -> None:
    metrics = MANIFEST["metrics"] | {"origin_horizon_days": 53.0}
    assert "- The history was too short to judge 90 days: it was judged over 53, and the rest is extrapolated.\n" in (
        model_card(MANIFEST | {"metrics": metrics})
    )


def test_the_first_model_of_its_line_replaced_no_other() -> None:
    assert "The first of its line: it replaced no other." in model_card(MANIFEST | {"parent": None})


def test_a_classical_model_that_serves_alone_is_named_so() -> None:
    alone = {"networks": [], "classical": {"name": "bg_nbd"}, "share": 1.0}
    assert "Members: bg_nbd alone; windows of 7 days" in model_card(MANIFEST | alone)
