"""Loops that numpy has no word for: a Python function in, machine code out; the one file that knows numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from numba import njit

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def compiled(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Compile to machine code that runs without the global lock; kept on disk where that can be written."""
    try:
        kernel: Callable[Arguments, Result] = njit(cache=True, nogil=True)(function)
    except RuntimeError:  # Neither the package's folder nor the user's cache can be written.
        kernel = njit(nogil=True)(function)
    return kernel
