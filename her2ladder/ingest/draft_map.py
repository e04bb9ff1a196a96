"""A starter for the column map of a table that nobody has mapped: what each column seems to be, its values and counts, commented TOML.

It decides nothing: every line is to be read by who knows the table. A column that looks like a name or a birth date is dropped in it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import polars as pl

from her2ladder.ingest.clinical_words import FALSE, NEGATIVE, POSITIVE, TRUE, are_persons, bare, is_contact, is_private_name, likely_column
from her2ladder.schema.tables import CLINICAL_COLUMNS
from her2ladder.schema.vocabulary import HR_STATUS

KNOWN = ("patient_id", *(column.name for column in CLINICAL_COLUMNS))
MOST_VALUES = 8
_DATE = re.compile(r"^\d{4}-\d{1,2}-\d{1,2}|^\d{1,2}[./]\d{1,2}[./]\d{2,4}$")
_EVENTS = ("is_pcr", "os_event", "dfs_event")
_UNSURE = {
    "unknown",
    "unbekannt",
    "k.a.",
    "k. a.",
    "inconnu",
    "desconocido",
    "sconosciuto",
    "desconhecido",
    "onbekend",
    "nd",
    "n.d.",
    "-9",
    "-99",
    "999",
    "9999",
    "?",
    "不详",
    "未知",
}


def draft_map(frame: pl.DataFrame, where: Path) -> str:
    """Return a commented map of a table as read (every column text).

    frame   the table; where   its file, for the head
    """
    found = {name: likely_column(name) for name in frame.columns}
    taken: dict[str, str] = {}
    for name, ours in found.items():
        if ours is not None and ours not in taken:
            taken[ours] = name
    mapped = {name: ours for ours, name in taken.items()}
    private = [name for name in frame.columns if name not in mapped and _is_private(name, frame[name])]
    rest = [name for name in frame.columns if name not in mapped and name not in private]
    kept = [name for name in rest if _is_covariate(frame[name])]
    dropped = [name for name in rest if name not in kept]
    lines = [
        f"# Draft of a column map for {where.name}: {frame.height} rows, {frame.width} columns. Read every line before you use it.",
        "",
    ]
    lines += ["# Columns that become covariates; take out what you do not need.", f"extra = {_list(kept)}", ""]
    why = (
        f"# Left out. Of these, {', '.join(private)}: called or filled like a name, a birth date, a number of a person or free text."
        if private
        else "# Left out."
    )
    lines += [why, f"drop = {_list([*private, *dropped])}", ""]
    missing = sorted({value for name in frame.columns for value in frame[name].drop_nulls().to_list() if value.lower() in _UNSURE})
    lines += ["# Words that mean `missing`, in every column.", f"missing = {_list(missing)}", "", "[columns]   # ours = theirs"]
    for ours in (*KNOWN, *sorted(set(taken) - set(KNOWN))):
        if ours in taken:
            same = taken[ours] == ours
            lines.append(f"{'# ' if same else ''}{ours} = {json.dumps(taken[ours], ensure_ascii=False)}   # {_told(frame[taken[ours]])}")
    lines.append("")
    for name in kept:
        lines.append(f"# {name}: {_told(frame[name])}")
    lines += ["", *_values(frame, taken, set(missing))]
    constants = [ours for ours in ("cohort", "cohort_role", "setting") if ours not in taken]
    if constants:
        examples = {
            "cohort": '"our hospital"',
            "cohort_role": '"construction"   # or temporal_validation, external_validation, adjuvant …',
            "setting": '"neoadjuvant"   # or adjuvant',
        }
        lines += [
            "[constants]   # the same for every row",
            *(f"{'' if ours == 'cohort' else '# '}{ours} = {examples[ours]}" for ours in constants),
            "",
        ]
    return "\n".join(lines) + "\n"


def _values(frame: pl.DataFrame, taken: dict[str, str], missing: set[str]) -> list[str]:
    """The words of columns with a vocabulary, each with what it seems to mean; a word that is understood by itself is a comment."""
    lines = []
    for ours, theirs in taken.items():
        if ours not in (*_EVENTS, "hr_status"):
            continue
        counts = Counter(value for value in frame[theirs].drop_nulls().to_list() if value not in missing)
        if len(counts) > MOST_VALUES:
            continue
        lines.append(f"[values.{ours}]   # theirs = ours")
        for value, n in sorted(counts.items()):
            meant = _meaning(ours, value)
            shown = json.dumps(value, ensure_ascii=False)
            lines.append(
                f"# {shown} = {json.dumps(meant)}   # {n} rows"
                if meant
                else f'{shown} = "?"   # {n} rows: say what it means, or "" for missing'
            )
        if ours in ("os_event", "dfs_event"):
            lines += _coding(frame, taken, ours)
        lines.append("")
    return lines


def _coding(frame: pl.DataFrame, taken: dict[str, str], ours: str) -> list[str]:
    """Say how the event column stands against its times: events mostly come earlier than the end of follow-up."""
    time = taken.get(ours.replace("_event", "_months"))
    if time is None:
        return [f"# there is no column {ours.replace('_event', '_months')} beside it"]
    months = frame[time].str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
    means = []
    for word in sorted(set(frame[taken[ours]].drop_nulls().to_list()))[:4]:
        held = months.filter(frame[taken[ours]] == word).drop_nulls()
        if len(held):
            means.append(f"{word}: mean time {held.mean():.4g}")
    return [f'# {"; ".join(means)}. Events mostly have the shorter times; inverted = ["{ours}"] where 1 means censored.']


def _meaning(ours: str, value: str) -> str | None:
    word = bare(value)
    if ours == "hr_status":
        return HR_STATUS[0] if word in POSITIVE else HR_STATUS[1] if word in NEGATIVE else None
    return "1" if word in TRUE else "0" if word in FALSE else None


def _is_private(name: str, values: pl.Series) -> bool:
    held = values.drop_nulls().to_list()
    dates = sum(1 for value in held if _DATE.match(value))
    return is_private_name(name) or any(is_contact(value) for value in held[:200]) or dates > len(held) / 2 or are_persons(held)


def _is_covariate(values: pl.Series) -> bool:
    """A number, or a word of a few levels; nothing that is empty or the same for all."""
    held = values.drop_nulls()
    if held.n_unique() < 2 or any(len(value) > 60 for value in held.to_list()):
        return False
    numbers = held.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
    return bool(numbers.is_not_null().all()) or held.n_unique() <= 12


def _told(values: pl.Series) -> str:
    """What a column holds, in a few words."""
    held = values.drop_nulls()
    if not len(held):
        return "empty"
    gone = f", {values.null_count()} missing" if values.null_count() else ""
    numbers = held.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
    if numbers.is_not_null().all() and held.n_unique() > MOST_VALUES:
        low, high = numbers.min(), numbers.max()
        unit = ""
        if "month" in values.name.lower() or (isinstance(high, float) and high > 600):
            unit = "; more than 600: days? [scale] ours = 0.0328549" if isinstance(high, float) and high > 600 else ""
        return f"numbers {low:g} to {high:g}{gone}{unit}"
    counts = Counter(held.to_list()).most_common()
    shown = ", ".join(f"{value} ({n})" for value, n in counts[:MOST_VALUES])
    return shown.replace("\n", " ") + (f" … {len(counts)} values" if len(counts) > MOST_VALUES else "") + gone


def _list(names: list[str]) -> str:
    return json.dumps(names, ensure_ascii=False)
