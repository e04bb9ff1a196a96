"""The colours of the features' sources, where a figure tells H&E, HER2 IHC and clinical variables apart."""

from __future__ import annotations

from her2ladder.analytics.figures.palette import OKABE_ITO
from her2ladder.analytics.figures.style import (
    EDGE_MM,
    Page,
    text_mm,
)

SOURCE_COLOURS = {"H&E": OKABE_ITO[3], "HER2 IHC": OKABE_ITO[1], "clinical": OKABE_ITO[0]}


def source_key(page: Page, sources: list[str]) -> None:
    """Set the colours of the features' sources at the head of the body."""
    x = EDGE_MM
    for source in sources:
        page.text("■", x, 0, colour=SOURCE_COLOURS.get(source, OKABE_ITO[0]))
        page.text(source, x + 3, 0)
        x += text_mm(source) + 8
