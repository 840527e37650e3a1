"""Loops over rows as machine code: one pass where numpy would take a dozen, and without Python's global lock.

The machine code that is kept on disk is renewed when the loop's own file changes, and not when a compiled function does
that it takes from another file (`elementary`, `core.rows`): after such a change, `make clean` (or delete `*.nbi`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from numba import njit

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def compiled(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Compile to machine code that runs without the global lock; kept on disk where that can be written."""
    # A product may be fused with the sum that follows: on one kind of CPU a row still gives the same bits every time.
    compile_ = partial(njit, nogil=True, error_model="numpy", fastmath={"contract"})
    try:
        kernel: Callable[Arguments, Result] = compile_(cache=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        kernel = compile_()(function)
    return kernel
