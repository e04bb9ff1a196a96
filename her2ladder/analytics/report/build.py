"""Builds the report: runs each analysis as its command would, keeps its figures and rows, says where one cannot be made."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from her2ladder.analytics.figures.save import png_only
from her2ladder.analytics.report import questions, sections
from her2ladder.analytics.report.facts import definitions, facts_of, methods, provenance
from her2ladder.analytics.report.in_situ_section import Groups
from her2ladder.analytics.report.page import render
from her2ladder.analytics.report.parts import Section
from her2ladder.errors import InputError, LadderError
from her2ladder.schema.lake import write_whole
from her2ladder.schema.store import Store

NO_GROUPS = Groups()
Said = Callable[[int, int], None]


def build_report(
    store: Store,
    output: Path,
    *,
    score_name: str | None = None,
    title: str | None = None,
    groups: Groups = NO_GROUPS,
    said: Said = lambda done, total: None,
) -> int:
    """Write the page; return its size in bytes.

    score_name   the score it speaks of; None = the newest trained one, else the only imported one
    groups       patients that are compared by their in-situ sections; None named = the bands of the score
    raises       InputError where the store has no patient with a cohort, or the choice of a score is not plain
    """
    if output.suffix.lower() != ".html":
        raise InputError(f"{output}: wanted a name that ends in .html")
    score = questions.chosen_score(store, score_name)
    is_synthetic = questions.is_store_synthetic(store)
    with tempfile.TemporaryDirectory(prefix="ladder-report-") as held, png_only():
        made: list[Section] = []
        steps = sections.steps(store, score, Path(held), groups)
        for number, (anchor, name, step) in enumerate(steps):
            made.append(_tried(anchor, name, step))
            said(number + 1, len(steps))
        analysed = [run for section in made for run in section.runs]
        made.append(_tried("methods", "Methods, to copy", lambda: methods(store, analysed)))
        made.append(definitions(is_synthetic))
        made.append(provenance(store, [run for section in made for run in section.runs]))
        page = render(facts_of(store, title or _title(score), is_synthetic), made)
    content = page.encode()
    output.parent.mkdir(parents=True, exist_ok=True)
    write_whole(output, content)
    return len(content)


def _tried(anchor: str, name: str, step: Callable[[], Section]) -> Section:
    """A section, or the one line that says why there is none: nothing crashes the page, and nothing is invented."""
    try:
        return step()
    except LadderError as error:
        return Section(anchor, name, missing=[str(error)])


def _title(score: str | None) -> str:
    return f"HER2-LADDER: {score}" if score else "HER2-LADDER: cohorts and cells"
