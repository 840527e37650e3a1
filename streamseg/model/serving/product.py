"""Matrix products for compiled loops: a row's result depends on that row alone, bit for bit, whatever stands beside it.

Arrives: rows, and weights packed once (`pack`). Leaves: sums, each added up from the first weight to the last. As fast
as MKL on large products, faster on small ones (48 rows of 120 by 256: 15 against 19 µs).
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
"""Rows that share each weight that is read. Of 4 to 14 rows by 16 to 64 columns 8 by 32 was the fastest, or near it,
with AVX-512 (200 GFLOP/s), and within a third of the fastest with AVX2, where not all sums stay in registers."""
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
def product(rows: Float32Array, packed: Float32Array, bias: Float32Array, sums: Float32Array) -> None:
    """(N, K) rows, (P, K, PANEL), (P * PANEL,) -> (N, P * PANEL) in `sums`; the numbers of a row stand side by side."""
    _tiles(rows, packed, bias.ctypes.data, 0, sums)


@compiled
def add_product(rows: Float32Array, packed: Float32Array, sums: Float32Array) -> None:
    """(N, K) rows, (P, K, PANEL) -> added to (N, P * PANEL) `sums`; the numbers of a row stand side by side."""
    _tiles(rows, packed, sums.ctypes.data, sums.strides[0], sums)


@compiled
def _tiles(rows: Float32Array, packed: Float32Array, begin: int, begin_stride: int, sums: Float32Array) -> None:
    for panel in range(packed.shape[0]):
        right = panel * packed.strides[1]
        for first in range(0, rows.shape[0], ROWS):
            _sum_tile(
                rows.ctypes.data + first * rows.strides[0],
                rows.strides[0],
                rows.shape[0] - 1 - first,
                packed.ctypes.data + panel * packed.strides[0],
                packed.shape[1],
                begin + first * begin_stride + right,
                begin_stride,
                sums.ctypes.data + first * sums.strides[0] + right,
                sums.strides[0],
            )


_VECTOR = ir.VectorType(ir.FloatType(), _LANES)
_INT64 = ir.IntType(64)
_SPREAD = ir.Constant(ir.VectorType(ir.IntType(32), _LANES), [0] * _LANES)
_HALVES = (0, _LANES * 4)
_FUSED = ("contract",)


def _write_tile(context: Any, builder: ir.IRBuilder, _: Any, arguments: Any) -> Any:
    """Addresses and strides in bytes: of rows, weights, what sums begin with, and sums; the weights' K; the last row.

    Rows after the last are taken to be that one: it is worked out again, and written again with the same bits.
    """
    # Vectors are named as such: left to find them in a loop, the compiler keeps no sums in registers, and on some
    # processors takes half of their width. Where they are shorter than this, it takes several for one.
    rows, stride, last, packed, depth, begin, begin_stride, sums, sums_stride = arguments
    numbers = [_INT64(number) for number in range(ROWS)]
    numbers = [builder.select(builder.icmp_signed("<", number, last), number, last) for number in numbers]

    def places(start: ir.Value, step: ir.Value) -> list[ir.Value]:
        at = [builder.add(start, builder.mul(number, step)) for number in numbers]
        return [_at(builder, address, half, _VECTOR) for address in at for half in _HALVES]

    totals = [cgutils.alloca_once(builder, _VECTOR) for _ in range(ROWS * len(_HALVES))]
    for total, place in zip(totals, places(begin, begin_stride), strict=True):
        builder.store(builder.load(place, align=4), total)
    row_at = [builder.add(rows, builder.mul(number, stride)) for number in numbers]
    with cgutils.for_range(builder, depth, intp=_INT64) as loop:
        weights_at = builder.add(packed, builder.mul(loop.index, _INT64(PANEL * 4)))
        weights = [builder.load(_at(builder, weights_at, half, _VECTOR), align=4) for half in _HALVES]
        offset = builder.mul(loop.index, _INT64(4))
        for number, at in enumerate(row_at):
            one = builder.load(_at(builder, builder.add(at, offset), 0, ir.FloatType()))
            some = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), one, ir.IntType(32)(0))
            same = builder.shuffle_vector(some, some, _SPREAD)
            for total, weight in zip(totals[2 * number : 2 * number + 2], weights, strict=True):
                times = builder.fmul(same, weight, flags=_FUSED)
                builder.store(builder.fadd(times, builder.load(total), flags=_FUSED), total)
    for total, place in zip(totals, places(sums, sums_stride), strict=True):
        builder.store(builder.load(total), place, align=4)
    return context.get_dummy_value()


def _at(builder: ir.IRBuilder, address: ir.Value, offset: int, kind: ir.Type) -> ir.Value:
    return builder.inttoptr(builder.add(address, _INT64(offset)), kind.as_pointer())


_sum_tile: Any = intrinsic(lambda _, a, b, c, d, e, f, g, h, i: (types.void(a, b, c, d, e, f, g, h, i), _write_tile))
"""Sum up the products of `ROWS` rows and one panel."""
