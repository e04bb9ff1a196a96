"""The cell map of one slide of the store, as a picture or a page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from her2ladder.analytics.cellmap.over import Over
from her2ladder.errors import InputError, MissingError
from her2ladder.queries.catalog import query
from her2ladder.schema.duck import arrow_table
from her2ladder.schema.store import Store
from her2ladder.schema.vocabulary import OTHER, XENIUM

ReadImage = Callable[[tuple[float, float, float, float], tuple[float, float]], Over]


def draw_map(
    store: Store, slide_id: str, stain: str | None, output: Path, read_image: ReadImage | None = None, gene: str | None = None
) -> int:
    """Draw the cells of a slide by class to a .png or .html; return how many there are.

    read_image   gives the slide's image of a box in micrometres (left, top, right, bottom), given its mpp: drawn beneath the cells
    gene         colour cells by their transcripts of this gene, of an in-situ section
    raises   MissingError where there is no such slide, or its panel lacks the gene; InputError where it has two stains and none is named, or for another ending
    """
    from her2ladder.analytics.cellmap.page import write_html
    from her2ladder.analytics.cellmap.picture import write_png

    if output.suffix.lower() not in (".png", ".html"):
        raise InputError(f"{output}: wanted a name that ends in .png or .html")
    cells = slide_cells(store, slide_id, stain, gene)
    title = f"{slide_id} ({cells['stain']})"
    over = None
    if read_image is not None and len(cells["x_um"]):
        x, y = cells["x_um"], cells["y_um"]
        over = read_image((float(x.min()), float(y.min()), float(x.max()), float(y.max())), cells["mpp"])
    writer = write_png if output.suffix.lower() == ".png" else write_html
    writer(
        output,
        cells["x_um"],
        cells["y_um"],
        cells["cls"],
        cells["classes"],
        title=title,
        stain=cells["stain"],
        provenance=cells["provenance"],
        is_synthetic=cells["is_synthetic"],
        over=over,
        value=cells["value"],
        value_name=f"{gene}, transcripts" if gene else "",
    )
    return len(cells["x_um"])


def slide_cells(store: Store, slide_id: str, stain: str | None, gene: str | None = None) -> dict[str, Any]:
    """Return centroids (n,), class numbers (n,) and class names (Other last) of one slide, and where they come from; `value` holds the transcripts of a gene."""
    if gene is not None:
        stain = XENIUM
    with store.reading() as con:
        found = con.execute(
            "SELECT stain, sha256, run, patient_id, source_format, coalesce(slide_mpp, mpp_x), coalesce(slide_mpp, mpp_y) FROM slide WHERE slide_id = ? ORDER BY stain",
            [slide_id],
        ).fetchall()
        stain, sha256, run_id, patient, made_by, *mpp = _chosen(found, slide_id, stain)
        words = [w for (w,) in con.execute("SELECT cell_class FROM vocabulary WHERE stain = ? ORDER BY position", [stain]).fetchall()]
        if gene is None:
            table = arrow_table(con, query("cells/of_slide").sql, {"slide_id": slide_id, "stain": stain})
        else:
            _check_gene(con, slide_id, gene)
            table = arrow_table(con, query("expression/gene_map").sql, {"slide_id": slide_id, "gene": gene})
        cohort = con.execute("SELECT cohort FROM patient WHERE patient_id = ?", [patient]).fetchall()
    classes = [*words, OTHER]
    cls = _numbers(table.column("cell_class").to_pylist(), classes)
    return {
        "x_um": table.column("x_um").to_numpy(),
        "y_um": table.column("y_um").to_numpy(),
        "cls": cls,
        "value": None if gene is None else table.column("count").to_numpy().astype(np.float64),
        "classes": classes,
        "stain": stain,
        "provenance": f"cells {sha256[:12]}, run {run_id}{maker(made_by)}",
        "mpp": (mpp[0], mpp[1]),
        "is_synthetic": any("synthetic" in str(name).lower() for (name,) in cohort) or patient.startswith("SYN-"),
    }


def _check_gene(con: Any, slide_id: str, gene: str) -> None:
    panel = [one for (one,) in con.execute("SELECT gene FROM gene WHERE slide_id = ? ORDER BY gene", [slide_id]).fetchall()]
    if not panel:
        raise MissingError(f"slide {slide_id}: has no counts of genes; bring them by `ladder ingest xenium`")
    if gene not in panel:
        alike = [one for one in panel if one.upper() == gene.upper()] or panel[:5]
        raise MissingError(f"slide {slide_id}: its panel of {len(panel)} genes lacks {gene!r}; there is {', '.join(alike)}")


def maker(source_format: str | None) -> str:
    """Return which network made a slide's cells, as the end of a sentence, where LADDER made them; the default is for demonstration."""
    word = (source_format or "").partition("segmented: ")[2]
    if not word:
        return ""
    return f", segmented by the {word} network" + (" (demonstration grade)" if word == "default" else "")


def _chosen(found: list[tuple[Any, ...]], slide_id: str, stain: str | None) -> tuple[Any, ...]:
    if not found:
        raise MissingError(f'no slide called {slide_id!r} in the store; `ladder sql "SELECT slide_id, stain FROM slide"` lists them')
    fitting = [row for row in found if stain in (None, row[0])]
    if len(fitting) != 1:
        raise InputError(f"slide {slide_id}: has the stains {', '.join(row[0] for row in found)}: name one with --stain")
    return fitting[0]


def _numbers(words: list[str], classes: list[str]) -> NDArray[np.int64]:
    places = {word: place for place, word in enumerate(classes)}
    return np.array([places[word] for word in words], dtype=np.int64)
