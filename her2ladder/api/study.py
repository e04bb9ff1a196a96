"""A study: one store, asked from Python by the functions that the commands call, with their options as keywords."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from her2ladder.api.analyses import Analyses
from her2ladder.api.words import in_python
from her2ladder.schema.remote import store_at


def open(path: str | Path, *, as_of: str | None = None) -> Study:
    """Open a store.

    path    its folder, or s3://BUCKET/PREFIX
    as_of   a run: read the store as it was after this run
    raises  MissingError where there is no store; InputError where it was made by another version
    """
    return Study(store_at(path, as_of))


def create(path: str | Path) -> Study:
    """Make an empty store in a new or empty folder and open it, as `ladder init` does.

    raises  InputError where the folder holds something
    """
    from her2ladder.queries.init import init

    return Study(init(path))


class Study(Analyses):
    """One store. Questions return an `Answer` (a table) or a `Result` (an analysis).

    Every analysis takes `record`: True writes a run and its rows into the store, as the command does; False computes the same and writes
    nothing, for looking around. Tables are in `tables.py`, analyses in `analyses.py`; here is what writes the store.
    """

    def __repr__(self) -> str:
        return f"her2ladder.open({str(self.store.root)!r})"

    def _repr_html_(self) -> str:
        return self.sql("SELECT cohort, cohort_role, count(*) AS patients FROM patient GROUP BY ALL ORDER BY 1")._repr_html_()

    @in_python
    def ingest_cells(self, *paths: str | Path, workers: int = 1, max_bad_share: float = 0.01, **how: Any) -> list[dict[str, Any]]:
        """Read segmented cells, as `ladder ingest cells`; return a row a slide.

        how  stain, slide_id, patient_id, mpp, slide_mpp, label_map, format, columns ({ours: theirs}), width_px, height_px,
             outline, duplicates, origin, mpp_as_given, allow_pickle
        """
        from her2ladder.ingest.cells import ingest_cells
        from her2ladder.ingest.source import Defaults, HowToRead, how_to_read

        how["how"] = how_to_read(**{name: how.pop(name) for name in HowToRead.__dataclass_fields__ if name in how})
        if how.get("mpp") is not None:
            how["mpp"] = str(how["mpp"])
        done = ingest_cells(self.store, [Path(path) for path in paths], Defaults(**how), workers=workers, max_bad_share=max_bad_share)
        return [one.row() for one in done]

    @in_python
    def ingest_regions(
        self,
        *paths: str | Path,
        slide_id: str,
        stain: str | None = None,
        map: str | Path | None = None,
        mpp: float | None = None,
        margins: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Read the regions drawn on a slide, as `ladder ingest regions`; return what became of them. `margins`: `Tumour:500`, …"""
        from her2ladder.ingest.regions.margins import parse_margin
        from her2ladder.ingest.regions.stage import ingest_regions

        files, bands = [Path(path) for path in paths], [parse_margin(one) for one in margins]
        told = None if map is None else Path(map)
        return ingest_regions(self.store, files, slide_id, stain=stain, map_file=told, mpp=mpp, margins=bands).row()

    @in_python
    def ingest_clinical(self, file: str | Path, *, map: str | Path | None = None, supersede: bool = False) -> dict[str, Any]:
        """Read a clinical table, as `ladder ingest clinical`; return what was read, in numbers."""
        from dataclasses import asdict

        from her2ladder.ingest.clinical import ingest_clinical

        return asdict(ingest_clinical(self.store, Path(file), None if map is None else Path(map), supersede=supersede))

    @in_python
    def ingest_scores(self, file: str | Path, *, name: str, predicts: str = "residual") -> Any:
        """Read scores that were made elsewhere, as `ladder ingest scores`."""
        from her2ladder.ingest.made_elsewhere import ingest_scores

        return ingest_scores(self.store, Path(file), name, predicts)

    @in_python
    def compute_features(
        self,
        *,
        slides: Sequence[str] = (),
        radius_um: float = 25.0,
        k: int = 5,
        engine: str = "kernel",
        within: Sequence[str] = (),
        force: bool = False,
        workers: int = 1,
    ) -> list[dict[str, Any]]:
        """Compute sc-MTOP of every slide that lacks it, as `ladder features`; return a row a slide."""
        from her2ladder.analytics.features.settings import Settings
        from her2ladder.analytics.features.stage import compute_features, summary

        return list(
            summary(
                compute_features(
                    self.store,
                    Settings(radius_um, k, engine, within=tuple(sorted(set(within)))),
                    slides=slides,
                    force=force,
                    workers=workers,
                )
            )
        )

    @in_python
    def report(self, output: str | Path, *, score: str | None = None, title: str | None = None) -> Path:
        """Write the page of everything, as `ladder report`; return its path."""
        from her2ladder.analytics.report.build import build_report

        build_report(self.store, Path(output), score_name=score, title=title)
        return Path(output)
