"""The compiled kernels' rules: no fused arithmetic, and no failure where nothing can be cached."""

from __future__ import annotations

import re
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numba
import numpy as np
import pytest

from her2ladder.analytics.spatial import compiled as module
from her2ladder.analytics.spatial.pairs import pair_profiles
from her2ladder.analytics.spatial.pairs_kernel import profile_pairs


def test_where_no_cache_can_be_written_the_kernel_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:

    def no_locator(*, cache: bool, **options: Any) -> Any:
        if cache:
            raise RuntimeError("cannot cache function 'f': no locator available for file 'f.py'")
        return numba.njit(cache=False, **options)

    monkeypatch.setattr(module, "numba", SimpleNamespace(njit=no_locator))
    assert module.compiled(lambda x: x + 1)(2) == 3


def test_no_product_and_sum_are_fused_in_the_machine_code() -> None:
    """A fused dx*dx + dy*dy is rounded once, not twice, and would tell other neighbours apart than SQL does.

    Read from the code compiled in this process: what comes from the cache is not kept as text.
    """
    script = (
        "import numba, numpy as np\n"
        "from her2ladder.analytics.spatial.pairs_kernel import nearest_lists\n"
        "f = numba.njit(nogil=True, fastmath=False)(nearest_lists.py_func)\n"
        "i, x, k = np.zeros(2, np.int32), np.zeros(2), np.zeros(2, np.int64)\n"
        "f(x, x, i, i, k, 3, 1, 1.0, 1)\n"
        "print(f.inspect_asm(f.signatures[0]))\n"
    )
    asm = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert "nearest_lists" in asm
    assert not re.search(r"\bv?fn?m(add|sub|la|ls)\w*", asm)


def test_the_kernel_lets_other_threads_run_and_has_one_compiled_form() -> None:
    pair_profiles(np.float32([0, 1]), [0, 1], np.array([0, 1], np.int8), 2)
    pair_profiles([0.0], [0.0], np.array([0], np.int64), 2, 25, 5)
    assert profile_pairs.targetoptions["nogil"]  # type: ignore[attr-defined]
    assert len(profile_pairs.signatures) == 1  # type: ignore[attr-defined]
