"""What the page is made of: sections with pictures, tables, maps, and the reason where something could not be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Picture:
    """A figure on the page: its bytes are embedded."""

    path: Path
    caption: str
    is_wide: bool = False


@dataclass(frozen=True)
class Table:
    """A table on the page; columns None = those of the first row. A long one is folded.

    footnotes  numbered from 1, below the table: what the numbers in its cells mean
    remarks    sentences below the table
    """

    title: str
    rows: Sequence[Mapping[str, Any]]
    columns: Sequence[str] | None = None
    is_folded: bool = False
    footnotes: Sequence[str] = ()
    remarks: Sequence[str] = ()


@dataclass
class Section:
    """One part of the page; `missing` says why there is nothing to show, in the place where it would be.

    queries  SQL behind the section that no run of the report names
    key      (what, found): the lines of the summary at the top of the page
    """

    anchor: str
    title: str
    intro: str = ""
    pictures: list[Picture] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    fragments: list[str] = field(default_factory=list)  # markup made by the cell map, safe as it stands
    notes: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    key: list[tuple[str, str]] = field(default_factory=list)
    command: str = ""  # the command that gives the same numbers
