"""Matrix products for compiled loops: a row's result depends on that row alone, bit for bit, however many stand beside it.

Arrives: rows, and weights packed once (`pack`). Leaves: sums, each added up from the first weight to the last. As fast as
MKL on large products and faster on small ones (48 rows of 120 by 256: 15 against 19 µs), without a call through torch.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from streamseg.compiled import compiled
from streamseg.core.scores import Float32Array

ROWS: Final = 8
"""Rows that share each weight that is read. Of 4 to 14 rows by 16 to 64 columns 8 by 32 was the fastest, or near it, with
AVX-512 (200 GFLOP/s), and within a third of the fastest with AVX2, where its sums don't all stay in registers."""
BLOCK: Final = 6 * ROWS
"""Rows that a loop should take at once, so that what it makes of them stays in the fastest cache."""
_LANES: Final = 16
PANEL: Final = 2 * _LANES
"""Columns that are summed up together; of packed weights and of what they give there is a multiple of them."""
_ALIGNED_BYTES: Final = 64


def pack(weights: NDArray[Any]) -> Float32Array:
    """(K, M) -> (P, K, PANEL) float32: panels of columns, the last one filled up with zeros."""
    depth, columns = weights.shape
    panels = -(-columns // PANEL)
    wide = np.zeros((depth, panels * PANEL), np.float32)
    wide[:, :columns] = weights
    room = np.empty(wide.nbytes + _ALIGNED_BYTES, np.uint8)
    start = -room.ctypes.data % _ALIGNED_BYTES  # a vector that lies across two lines of the cache is read twice
    packed: Float32Array = room[start : start + wide.nbytes].view(np.float32).reshape(panels, depth, PANEL)
    packed[:] = wide.reshape(depth, panels, PANEL).transpose(1, 0, 2)
    return packed


def widened(bias: NDArray[Any]) -> Float32Array:
    """(M,) -> (P * PANEL,) float32, filled up with zeros: what a sum begins with."""
    wide = np.zeros(-(-len(bias) // PANEL) * PANEL, np.float32)
    wide[: len(bias)] = bias
    return wide


@compiled
def add_product(rows: Float32Array, packed: Float32Array, sums: Float32Array) -> None:
    """(N, K) rows, (P, K, PANEL) -> added to (N, P * PANEL) `sums`; the numbers of a row adjacent, N at least 1."""
    for panel in range(packed.shape[0]):
        for first in range(0, rows.shape[0], ROWS):
            _add_tile(
                rows.ctypes.data + first * rows.strides[0],
                rows.strides[0],
                rows.shape[0] - 1 - first,
                packed.ctypes.data + panel * packed.strides[0],
                packed.shape[1],
                sums.ctypes.data + first * sums.strides[0] + panel * packed.strides[1],
                sums.strides[0],
            )


_VECTOR = ir.VectorType(ir.FloatType(), _LANES)
_INT64 = ir.IntType(64)
_SPREAD = ir.Constant(ir.VectorType(ir.IntType(32), _LANES), [0] * _LANES)
_FUSED = ("contract",)


@intrinsic
def _add_tile(_: Any, rows: Any, stride: Any, last: Any, packed: Any, depth: Any, sums: Any, sums_stride: Any) -> Any:
    """Add the products of `ROWS` rows and one panel to their sums; addresses and strides in bytes, as int64.

    Rows after the `last` are taken to be that one: it is worked out again, and written again with the same bits.
    """
    return types.void(*[types.int64] * 7), _write_tile


def _write_tile(context: Any, builder: ir.IRBuilder, __: Any, arguments: Any) -> Any:
    # Vectors are named as such: left to find them in a loop, the compiler keeps no sums in registers, and on some
    # processors takes half of their width. Where they are shorter than this, it takes several for one.
    rows, stride, last, packed, depth, sums, sums_stride = arguments
    numbers = [_INT64(number) for number in range(ROWS)]
    numbers = [builder.select(builder.icmp_signed("<", number, last), number, last) for number in numbers]
    row_at = [builder.add(rows, builder.mul(number, stride)) for number in numbers]
    sums_at = [builder.add(sums, builder.mul(number, sums_stride)) for number in numbers]
    places = [_at(builder, at, half * _LANES * 4, _VECTOR) for at in sums_at for half in range(2)]
    totals = [cgutils.alloca_once(builder, _VECTOR) for _ in places]
    for total, place in zip(totals, places, strict=True):
        builder.store(builder.load(place, align=4), total)
    with cgutils.for_range(builder, depth, intp=_INT64) as loop:
        weights_at = builder.add(packed, builder.mul(loop.index, _INT64(PANEL * 4)))
        weights = [builder.load(_at(builder, weights_at, half * _LANES * 4, _VECTOR), align=4) for half in range(2)]
        offset = builder.mul(loop.index, _INT64(4))
        for number, at in enumerate(row_at):
            one = builder.load(_at(builder, builder.add(at, offset), 0, ir.FloatType()))
            some = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), one, ir.IntType(32)(0))
            same = builder.shuffle_vector(some, some, _SPREAD)
            for total, weight in zip(totals[2 * number : 2 * number + 2], weights, strict=True):
                product = builder.fmul(same, weight, flags=_FUSED)
                builder.store(builder.fadd(product, builder.load(total), flags=_FUSED), total)
    for total, place in zip(totals, places, strict=True):
        builder.store(builder.load(total), place, align=4)
    return context.get_dummy_value()


def _at(builder: ir.IRBuilder, address: ir.Value, offset: int, kind: ir.Type) -> ir.Value:
    return builder.inttoptr(builder.add(address, _INT64(offset)), kind.as_pointer())
