"""Errors in the words of Python: a command's `--endpoint` is the argument `endpoint` here."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from her2ladder.errors import LadderError

P = ParamSpec("P")
T = TypeVar("T")

_OPTION = re.compile(r"--([a-z][a-z-]*)")
_NAMES = {"as": "as_paper", "no-correction": "correction", "holm": "correction", "fdr": "correction", "rmst": "restricted_to"}


def in_python(ask: Callable[P, T]) -> Callable[P, T]:
    """Let a function's errors name its arguments instead of a command's options."""

    @wraps(ask)
    def told(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return ask(*args, **kwargs)
        except LadderError as error:
            error.args = tuple(_OPTION.sub(_argument, part) if isinstance(part, str) else part for part in error.args)
            raise

    return told


def _argument(found: re.Match[str]) -> str:
    return _NAMES.get(found[1], found[1].replace("-", "_"))
