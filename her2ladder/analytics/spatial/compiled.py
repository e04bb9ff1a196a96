"""One decorator for the compiled kernels, so that every one is compiled under the same rules.

Rules: no fast maths (a fused or reordered operation would change the last digit, and the SQL engine must give the same one), the GIL is
released, and the machine code is kept on disk between processes. Where no folder can be written (a read-only install without a home), numba
refuses to set up its cache: the kernel is then compiled in each process, which costs seconds but changes no value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(function: Kernel) -> Kernel:
    """Return the function compiled at its first call, from the cache on disk where there is one."""
    try:
        return cast(Kernel, numba.njit(cache=True, nogil=True, fastmath=False)(function))
    except RuntimeError:  # numba: "cannot cache function ...: no locator available"
        return cast(Kernel, numba.njit(cache=False, nogil=True, fastmath=False)(function))
