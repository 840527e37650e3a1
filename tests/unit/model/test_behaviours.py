"""Behaviours over versions: ids and names stay with their customers, and what does not go on is announced."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import numpy as np
import pytest

from streamseg.core.windows import Int64Array
from streamseg.model.behaviours import Behaviours, Previous, axes, from_manifest, labels, segment, to_manifest
from streamseg.model.segment_report import report
from streamseg.model.wording import Profiles
from tests.unit.model.clouds import some_profiles


def points(profiles: Profiles) -> np.ndarray:
    return axes(1.0 - profiles.buys, profiles.outcomes, profiles.value)


def first(profiles: Profiles, customers: int) -> Profiles:
    columns = ("buys", "outcomes", "value", "types", "channels")
    return replace(profiles, **{name: getattr(profiles, name)[:customers] for name in columns})


def kinds(rates: tuple[float, ...], each: int = 100) -> Profiles:
    """Customers of as many kinds as there are rates, far apart."""
    random = np.random.default_rng(0)
    rate = np.repeat(rates, each) * random.uniform(0.95, 1.05, each * len(rates))
    return replace(some_profiles(len(rate)), buys=1.0 - np.exp(-rate), outcomes=rate, value=30.0 * rate)


def test_kinds_of_customers_are_found_in_order_of_spend_and_named_after_what_they_do() -> None:
    profiles = kinds((0.1, 1.0, 6.0))
    found = segment(profiles)
    assert found.names == ("very-rare-low-spend", "rare-low-spend", "frequent-high-spend")
    assert labels(found, points(profiles)).tolist() == [kind for kind in range(3) for _ in range(100)]
    assert found.remarks == ()
    assert found.stability == pytest.approx(1.0)


def test_ids_and_names_survive_a_retraining_on_slightly_more_data() -> None:
    grown = some_profiles(2_000)
    old = segment(first(grown, 1_800))
    label: Int64Array = np.append(labels(old, points(first(grown, 1_800))), np.full(200, -1))
    new = segment(grown, Previous(old, label))
    assert (new.ids, new.names) == (old.ids, old.names)
    assert min(new.overlaps) > 0.7
    assert new.remarks == ()
    assert new.centres.tolist() != old.centres.tolist()


def test_names_follow_the_customers_when_the_order_of_the_clusters_turns_over() -> None:
    profiles = kinds((0.1, 1.0, 6.0))
    old = segment(profiles)
    turned = replace(profiles, value=1_000.0 / profiles.value)
    new = segment(turned, Previous(old, labels(old, points(profiles))))
    assert new.ids == old.ids[::-1]
    assert new.names == old.names[::-1]
    assert new.descriptions != old.descriptions[::-1]


def test_a_split_behaviour_is_announced_and_its_parts_get_ids_and_names_of_their_own() -> None:
    before = kinds((0.1, 1.0, 6.0), each=120)
    old = segment(before)
    rate = before.outcomes.copy()
    rate[240:] *= np.where(np.arange(120) % 2 == 0, 3.0, 0.5)  # its customers part ways
    after = replace(before, buys=1.0 - np.exp(-rate), outcomes=rate, value=30.0 * rate)
    new = segment(after, Previous(old, np.repeat([0, 1, 2], 120)), k=4)
    assert new.ids[:2] == old.ids[:2]
    assert not set(new.ids[2:]) & set(old.ids)
    assert not set(new.names[2:]) & set(old.names)
    assert new.remarks == (
        "'frequent-high-spend' has ended: no new behaviour overlaps it by more than half; "
        f"50 % are now in {new.names[2]!r}, 50 % are now in {new.names[3]!r}",
        f"{new.names[2]!r} is new: 100 % come from 'frequent-high-spend'",
        f"{new.names[3]!r} is new: 100 % come from 'frequent-high-spend'",
    )


def test_an_ended_name_is_not_given_to_other_customers() -> None:
    profiles = kinds((0.1, 1.0, 6.0))
    old = segment(profiles)
    strangers = np.random.default_rng(0).integers(0, 3, 300)
    new = segment(profiles, Previous(old, strangers))
    assert new.overlaps == (0.0, 0.0, 0.0)
    assert not set(new.ids) & set(old.ids)
    assert not set(new.names) & set(old.names)
    assert len(new.remarks) == 6


def test_the_number_of_behaviours_stays_while_it_is_stable() -> None:
    profiles = some_profiles(1_000)
    other = 4 if len(segment(profiles).ids) != 4 else 5
    old = segment(profiles, k=other)
    assert len(segment(profiles, Previous(old, labels(old, points(profiles)))).ids) == other


def test_customers_who_are_all_alike_have_one_behaviour() -> None:
    profiles = replace(some_profiles(60), buys=np.full(60, 0.5), outcomes=np.ones(60), value=np.ones(60))
    found = segment(profiles)
    assert found.names == ("typical",)
    assert found.centres == pytest.approx(np.zeros((1, 3)), abs=1e-12)


def test_the_same_customers_give_the_same_behaviours() -> None:
    one, two = (to_manifest(segment(some_profiles(300))) for _ in range(2))
    assert one == two


def test_a_manifest_gives_back_what_was_written() -> None:
    found = segment(some_profiles(200))
    back = from_manifest(json.loads(json.dumps(to_manifest(found))))
    for field in fields(Behaviours):
        assert np.array_equal(getattr(back, field.name), getattr(found, field.name)), field.name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ids": ["x", "x", "y"]}, "3 behaviours, parts for [2, 3], centres of shape (3, 3)"),
        ({"names": ["x"]}, "3 behaviours, parts for [1, 3], centres of shape (3, 3)"),
        ({"centres": [[0.0, 0.0]]}, "3 behaviours, parts for [3], centres of shape (1, 2)"),
        (
            {"mean": [0.0] * 3, "scale": [1.0, 0.0, 1.0]},
            "behaviours have mean [0.0, 0.0, 0.0], scale [1.0, 0.0, 1.0]; expected scales above 0",
        ),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(changes: dict[str, object], message: str) -> None:
    parts = {**to_manifest(segment(kinds((0.1, 1.0, 6.0)))), **changes}
    with pytest.raises(ValueError) as refused:  # noqa: PT011 the whole message is compared
        from_manifest(parts)
    assert str(refused.value) == message


def test_behaviours_explain_more_of_what_follows_than_rfm_where_the_forecast_knows_more() -> None:
    profiles = some_profiles(1_500)
    random = np.random.default_rng(2)
    bought = random.poisson(profiles.outcomes * 0.5)
    rfm = np.stack((random.uniform(1, 90, 1_500), 1.0 + bought, 20.0 * (1.0 + bought)), axis=1)
    found = report(profiles, rfm, random.poisson(profiles.outcomes))
    assert found.k == len(found.names) == 6
    assert sum(found.sizes) == 1_500
    assert found.behaviours.eta2 > found.rfm.eta2 + 0.1
    assert found.behaviours.ari > 0.8
    assert 0.0 < found.rfm.ari <= 1.0
