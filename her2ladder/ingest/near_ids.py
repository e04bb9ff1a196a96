"""Ids of one person written in two ways: 00123 and 123, P1 and p1, PBCP_41 and PBCP-0041. Found and told, joined only when asked for.

source   chosen: the rules are those that spreadsheets and file names break ids by; a rule that would give two patients one id joins neither
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

from her2ladder.errors import InputError

RULES: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "case": ("upper and lower case and blanks", lambda text: "".join(text.lower().split())),
    "zeros": ("leading zeros", lambda text: re.sub(r"(?<!\d)0+(?=\d)", "", text)),
    "separators": ("separators", lambda text: re.sub(r"[\s_./-]+", "", text)),
    "prefix": ("what stands before the last number", lambda text: (re.findall(r"\d+", text) or [text])[-1]),
}


def matched(ids: Sequence[str], known: Collection[str], rules: Sequence[str]) -> dict[str, str]:
    """Return id -> the known id that it is by these rules together; nothing where two ids or two known ones fall together."""

    def key(text: str) -> str:
        for rule in rules:
            text = RULES[rule][1](text)
        return text

    of_known, of_ids = Counter(map(key, known)), Counter(map(key, ids))
    place = {key(one): one for one in known if of_known[key(one)] == 1}
    return {one: place[key(one)] for one in ids if of_ids[key(one)] == 1 and key(one) in place}


def rules_named(text: str) -> tuple[str, ...]:
    """Return the rules of `--match-ids case,zeros`.

    raises   InputError for another word
    """
    rules = tuple(part.strip() for part in text.split(",") if part.strip())
    strange = [rule for rule in rules if rule not in RULES]
    if strange or not rules:
        raise InputError(f"--match-ids: wanted {', '.join(RULES)}, found {strange[0] if strange else 'none'!r}")
    return rules


def better_rule(ids: Sequence[str], known: Collection[str]) -> str:
    """Return in one line which rules would match more ids than match now, and how many; '' where none does, or most match."""
    exact = len(set(ids) & set(known))
    if not known or exact > 0.5 * min(len(ids), len(known)):
        return ""
    tried = [("case",), ("zeros",), ("separators",), ("case", "zeros", "separators"), ("prefix", "zeros")]
    found = {rules: len(matched(ids, known, rules)) for rules in tried}
    best = max(tried, key=lambda rules: (found[rules], -len(rules)))
    if found[best] <= exact:
        return ""
    words = " and ".join(RULES[rule][0] for rule in best)
    return f"{exact} of {len(ids)} ids are those of slides; leaving {words} aside {found[best]} would be: --match-ids {','.join(best)}"
