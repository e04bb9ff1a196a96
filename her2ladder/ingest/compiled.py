"""One decorator for the compiled kernels of ingest: no fast maths, the GIL released, machine code kept on disk between processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(function: Kernel) -> Kernel:
    """Return the function compiled at its first call, from the cache on disk where there is one."""
    try:
        return cast(Kernel, numba.njit(cache=True, nogil=True, fastmath=False)(function))
    except RuntimeError:  # numba: "cannot cache function ...: no locator available" (a read-only install without a home)
        return cast(Kernel, numba.njit(cache=False, nogil=True, fastmath=False)(function))
