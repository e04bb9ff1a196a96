"""Where a store is: a folder, or s3://BUCKET/PREFIX. Imports nothing, so that a command knows before it opens anything."""

from __future__ import annotations

import re
from pathlib import Path

CATALOG_FILE = "catalog.duckdb"

_URL = re.compile(r"s3:/+(?=[^/])")


def is_remote(place: str | Path) -> bool:
    """Return whether a place is in a bucket; a Path has lost one of the two slashes."""
    return bool(_URL.match(str(place)))


def url_of(place: str | Path) -> str:
    """Return a place in a bucket as s3://BUCKET/PREFIX."""
    return _URL.sub("s3://", str(place), count=1).rstrip("/")
