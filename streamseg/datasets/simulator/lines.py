"""Columns of simulated touchpoints as JSON lines, a slice at a time; and how a good line is spoiled.

The only Python that runs once a touchpoint is one f-string; prices and quantities are worked out as columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamseg.datasets.simulator.visits import NO_SESSION, Touches
from streamseg.wire.vocabulary import CHANNELS, TYPE_CODES, TYPES

PRODUCTS: Final = 2_000
CATEGORIES: Final = 20
_ABOUT_A_PRODUCT: Final = tuple(TYPE_CODES[name] for name in ("view", "cart_add", "purchase", "review"))


def formatted(touches: Touches, index: NDArray[np.int64], spend_level: NDArray[np.float64]) -> list[bytes]:
    """Write the touchpoints named by `index` (M,) as M JSON lines; `event_id` tells the place in `touches`."""
    type_code = touches.type_code[index]
    session = touches.session[index]
    tails = [f',"session_id":"s{number}"' if number != NO_SESSION else "" for number in session.tolist()]
    _add_products(tails, type_code, touches.dice[index])
    _add_purchases(tails, touches, index, spend_level)
    for at in np.flatnonzero(type_code == TYPE_CODES["review"]).tolist():
        tails[at] += f',"rating":{1 + int(touches.dice[index[at]]) // 7 % 5}'
    for at in np.flatnonzero(touches.consent[index] >= 0).tolist():
        given = "true" if touches.consent[index[at]] else "false"
        tails[at] += f',"consent":{{"profiling":{given}}}'
    columns = zip(
        index.tolist(),
        touches.customer[index].tolist(),
        type_code.tolist(),
        touches.event_ms[index].tolist(),
        touches.channel_code[index].tolist(),
        tails,
        strict=True,
    )
    return [
        f'{{"event_id":"e{number}","customer_id":"c{customer}","type":"{TYPES[type_]}","event_time":{event_ms},'
        f'"channel":"{CHANNELS[channel]}"{tail}}}'.encode()
        for number, customer, type_, event_ms, channel, tail in columns
    ]


def _add_products(tails: list[str], type_code: NDArray[np.int64], dice: NDArray[np.int64]) -> None:
    # The square of a uniform number: few products are looked at often, most seldom.
    product = (((dice >> 8) % 65_536 / 65_536) ** 2 * PRODUCTS).astype(np.int64)
    about = np.flatnonzero(np.isin(type_code, _ABOUT_A_PRODUCT))
    for at, number in zip(about.tolist(), product[about].tolist(), strict=True):
        tails[at] += f',"product_id":"p{number}","category":"k{number % CATEGORIES}"'


def _add_purchases(
    tails: list[str], touches: Touches, index: NDArray[np.int64], spend_level: NDArray[np.float64]
) -> None:
    bought = np.flatnonzero(touches.type_code[index] == TYPE_CODES["purchase"])
    rows = index[bought]
    dice = touches.dice[rows]
    quantity = 1 + (dice >> 24) % 3
    # Price of one piece: the customer's level times e to the power of -0.5 to 0.5.
    price = np.exp(spend_level[touches.customer[rows]] + (dice >> 32) % 1_000 / 1_000 - 0.5)
    pence = quantity * np.maximum(1, np.round(price * 100)).astype(np.int64)
    for at, pieces, total in zip(bought.tolist(), quantity.tolist(), pence.tolist(), strict=True):
        tails[at] += f',"quantity":{pieces},"amount":{total // 100}.{total % 100:02d},"currency":"GBP"'


def _cut_short(line: bytes) -> bytes:
    return line[: len(line) // 2]


def _without_a_time(line: bytes) -> bytes:
    return line.replace(b'"event_time"', b'"event_tim"', 1)


def _not_a_number(line: bytes) -> bytes:
    return line[:-1] + b',"amount":NaN}'


def _bad_utf8(line: bytes) -> bytes:
    return line.replace(b'"event_id":"e', b'"event_id":"\xff', 1)


def _id_as_number(line: bytes) -> bytes:
    return line.replace(b'"customer_id":"c', b'"customer_id":1,"was":"', 1)


_WAYS: Final[tuple[Callable[[bytes], bytes], ...]] = (
    _cut_short,
    _without_a_time,
    _not_a_number,
    _bad_utf8,
    _id_as_number,
)


def spoiled(line: bytes, number: int) -> bytes:
    """Spoil a line in one of five ways, in turn by `number`; what comes out is no touchpoint by any reading.

    >>> spoiled(b'{"event_id":"e1","customer_id":"c1","event_time":5}', 4)
    b'{"event_id":"e1","customer_id":1,"was":"1","event_time":5}'
    """
    return _WAYS[number % len(_WAYS)](line)
