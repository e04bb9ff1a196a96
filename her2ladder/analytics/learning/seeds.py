"""One seed for each task, made from where the task stands, so that the order and number of workers cannot matter."""

from __future__ import annotations

import hashlib


def seed_of(seed: int, *place: int | str) -> int:
    """Return a seed in 0..2**31 - 1 for the task at `place` (repeat, fold, candidate …); the same for the same arguments everywhere."""
    text = "/".join(str(part) for part in (seed, *place))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % 2**31
