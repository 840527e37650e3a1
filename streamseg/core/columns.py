"""Running results within customers: the few vectorised scans that fold a batch without a loop over its touchpoints.

Arrives: columns sorted so that the rows of a customer are adjacent, and where each customer starts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamseg.core.windows import Int64Array


def starts_of(sorted_keys: NDArray[Any]) -> NDArray[np.bool_]:
    """(N,) True where a new run of equal keys begins.

    >>> starts_of(np.array([3, 3, 5])).tolist()
    [True, False, True]
    """
    starts = np.ones(len(sorted_keys), np.bool_)
    starts[1:] = sorted_keys[1:] != sorted_keys[:-1]
    return starts


def ranks(starts: NDArray[np.bool_]) -> Int64Array:
    """(N,) position of each row within its run, from 0.

    >>> ranks(np.array([True, False, True])).tolist()
    [0, 1, 0]
    """
    index = np.arange(len(starts))
    return index - np.maximum.accumulate(np.where(starts, index, 0))


def running_sums(values: NDArray[Any], starts: NDArray[np.bool_]) -> NDArray[Any]:
    """Sum within each run up to and including each row; (N,) or (N, C) integers, exact.

    >>> running_sums(np.array([1, 2, 3]), np.array([True, False, True])).tolist()
    [1, 3, 3]
    """
    totals = np.cumsum(values, axis=0)
    first = np.flatnonzero(starts)
    before = totals[first] - values[first]
    result: NDArray[Any] = totals - before[np.cumsum(starts) - 1]
    return result


def running(operator: np.ufunc, values: NDArray[Any], rank: Int64Array) -> NDArray[Any]:
    """Accumulate an associative, idempotent operator (or, maximum, minimum) within each run, by doubling.

    Args:
        operator: For example `np.bitwise_or`.
        values: (N,) one column.
        rank: (N,) from `ranks`.

    >>> running(np.maximum, np.array([1, 5, 2, 7, 3]), np.array([0, 1, 2, 0, 1])).tolist()
    [1, 5, 5, 7, 7]
    """
    result = values.copy()
    reach, longest = 1, int(rank.max(initial=0))
    while reach <= longest:
        at = np.flatnonzero(rank >= reach)
        result[at] = operator(result[at], result[at - reach])
        reach *= 2
    return result


def grown(array: NDArray[Any], size: int, fill: Any = None) -> NDArray[Any]:
    """The array with room for `size` first-axis items, at least a quarter larger; new items hold `fill`, or zeros."""
    if size <= len(array):
        return array
    # Zeros take no memory before they are written to.
    larger = np.zeros((max(size, len(array) * 5 // 4), *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    if fill is not None:
        larger[len(array) :] = fill
    return larger
