"""Online Retail: a year of a UK gift wholesaler, 406,829 invoice lines of 4,372 customers, as touchpoints.

One touchpoint a line, in the order of the file, which is the order of time. Nothing is dropped:

- a line of an invoice is a `purchase`, a line of a cancellation (invoice number C...) a `cancel`; both carry the
  line's total as a positive amount in GBP (decoding subtracts cancellations) and a positive quantity;
- the 40 lines with price 0 are gifts that came with an order: they are `other`, so that no free thing counts as a
  purchase;
- postage, manual corrections, discounts and charges (POST, M, D, ...) are lines like any other: money that was asked or
  given back;
- the 5,225 lines that repeat another one of their invoice stay: nobody can tell a slip from a second box;
- absurd quantities (80,995 pieces, cancelled 12 minutes later) stay: life is like that, and a worker must bear it.

A purchase comes by `web`, since the retailer has no store, and its invoice is its session; how a customer asked for a
cancellation nobody noted: `other`, without a session. Times are British local times without a zone, taken as UTC.
There are no categories. See data/ONLINE_RETAIL.md for source and licence.
"""

from __future__ import annotations

import hashlib
import lzma
from collections import Counter
from collections.abc import Iterator
from importlib import resources
from typing import Final

from streamseg.errors import InvariantError

LINES: Final = 406_829
CUSTOMERS: Final = 4_372
SHA256: Final = "9b827a64b956c737b4beb1ffe110136bd6db2150d013c3bc301f3a1ad2d052b5"
"""Of the uncompressed file."""
_HEADER: Final = "invoice_no,stock_code,quantity,invoice_time,unit_price_gbp,customer_id"


def lines() -> Iterator[bytes]:
    """Give all touchpoints as JSON lines, without line endings, in time order.

    The event id is the invoice number and the number of the line on that invoice, from 1: stable, and unique.

    Raises:
        InvariantError: If the file in the package is not the one that was put there.

    >>> print(next(lines()).decode()[:88])
    {"event_id":"536365-1","customer_id":"17850","type":"purchase","event_time":"2010-12-01T
    """
    rows = _vendored().splitlines()
    if rows[0] != _HEADER:
        raise InvariantError(
            f"online_retail.csv begins with {rows[0]!r}; expected {_HEADER!r}; install streamseg again"
        )
    numbers: Counter[str] = Counter()  # a few invoices lie in two pieces, so counting on from the last row won't do
    for row in rows[1:]:
        invoice_no, stock_code, quantity_text, time, price, customer = row.split(",")
        numbers[invoice_no] += 1
        quantity = abs(int(quantity_text))
        # Thousandths of a pound are whole numbers here: 3 x 0.1 leaves as 0.3, not as 0.30000000000000004.
        amount = quantity * round(float(price) * 1000) / 1000
        if invoice_no.startswith("C"):
            type_, origin = "cancel", '"channel":"other"'
        else:
            type_, origin = ("purchase" if amount > 0 else "other"), f'"channel":"web","session_id":"{invoice_no}"'
        yield (
            f'{{"event_id":"{invoice_no}-{numbers[invoice_no]}","customer_id":"{customer}","type":"{type_}","event_time":"{time}",'
            f'{origin},"product_id":"{stock_code}","quantity":{quantity},'
            f'"amount":{amount!r},"currency":"GBP"}}'
        ).encode()


def _vendored() -> str:
    compressed = resources.files("streamseg.datasets").joinpath("data", "online_retail.csv.xz").read_bytes()
    data = lzma.decompress(compressed)
    digest = hashlib.sha256(data).hexdigest()
    if digest != SHA256:
        raise InvariantError(f"online_retail.csv has SHA-256 {digest}; expected {SHA256}; install streamseg again")
    return data.decode("ascii")
