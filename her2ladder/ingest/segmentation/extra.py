"""Libraries of the extra [segment], asked for where they are used: who lacks one is told what to install."""

from __future__ import annotations

import importlib
from typing import Any

from her2ladder.errors import InputError


def needs_extra(module: str) -> Any:
    """Return a module of the extra [segment].

    raises   InputError where it is not installed
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise without_extra(error) from error


def without_extra(error: ImportError) -> InputError:
    """Return what to tell whoever lacks the extra [segment]."""
    return InputError(f"this needs the extra [segment]: pip install 'her2ladder[segment]' ({error})")
