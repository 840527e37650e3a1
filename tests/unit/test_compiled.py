from __future__ import annotations

import numba
import pytest

from streamseg.compiled import compiled


def doubled(number: int) -> int:
    return 2 * number


def test_where_no_folder_can_be_written_a_kernel_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    # The only place that numba may look for is one for notebooks, which a test isn't.
    monkeypatch.setattr(numba.config, "CACHE_LOCATOR_CLASSES", "IPythonCacheLocator")
    with pytest.raises(RuntimeError, match="no locator available"):
        numba.njit(cache=True)(doubled)
    assert compiled(doubled)(4) == 8
