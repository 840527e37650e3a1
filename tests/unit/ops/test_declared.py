from __future__ import annotations

import re
from pathlib import Path

from streamseg.ops.declared import DECLARED
from streamseg.ops.table import table

ROOT = Path(__file__).resolve().parents[3]


def test_the_table_in_the_documentation_is_that_of_the_code() -> None:
    assert table() in (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def test_each_metric_that_wakes_somebody_has_a_rule_and_no_rule_names_another() -> None:
    rules = (ROOT / "deploy" / "prometheus" / "rules.yml").read_text(encoding="utf-8")
    for declared in DECLARED:
        # Read as a denominator, a metric that never wakes anybody may stand in a rule, too.
        assert declared.alert.startswith("never") or declared.name in rules, declared.name
    named = {word.removesuffix("_bucket") for word in re.split(r"[\s()\[{]", rules)}
    assert {word for word in named if word.startswith("streamseg_")} <= {declared.name for declared in DECLARED}


def test_every_name_carries_the_unit_that_a_reader_expects() -> None:
    for declared in DECLARED:
        assert declared.name.startswith("streamseg_")
        assert declared.unit != "s" or declared.name.endswith("_seconds")
