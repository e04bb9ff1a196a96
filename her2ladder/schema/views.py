"""The public views over one state of the store: what `ladder sql`, `open.sql`, R and the stages read.

A lake view lists its files one by one (a glob opens every file) and the wide views have a column a feature, so a view is made when a
query first names it (schema/lazy.py). Base tables stay in schema `base` of the catalog, attached as `ladder`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import takewhile
from typing import NamedTuple, Protocol

from her2ladder.schema import geometry, membranes
from her2ladder.schema.contract import Table, literal, quoted
from her2ladder.schema.tables import CATALOG, LAKE
from her2ladder.schema.vocabulary import CLASSES

VIEW_FILES = (
    "manifest_current",
    "slide",
    "class_count",
    "patient_base",
    "cohort",
    "slide_feature",
    "feature_value",
    "patient_input",
    "score",
    "score_band",
    "score_current",
    "analysis_result",
    "v_pcr",
    "v_km",
    "tile_quality",
)
OVER_CELLS = ("membrane_threshold", "calibration", "membrane_class", "her2_summary")
PLAIN = (
    "run",
    "quarantine",
    "vocabulary",
    "label_map",
    "feature_dictionary",
    "model",
    "fold_prediction",
    "store_info",
    "calibration_control",
)

_BUILT = {
    "patient": "Patients as in patient_base, the covariates that a column map named `extra` as columns of their own.",
    "patient_feature": "sc-MTOP features under the default rule: one row a patient with slides, one column a feature.",
    "cell_shape": geometry.CELL_SHAPE,
}


NAMES = (
    *(*PLAIN, *VIEW_FILES, "patient", "patient_feature"),
    *(*(table.name for table in LAKE.values()), membranes.NAME, *OVER_CELLS, *geometry.NAMES),
)
"""Every public view and macro, in an order in which each comes after those that it names."""

_KINDS = {table.name: kind for kind, table in LAKE.items()}


class LakeFile(NamedTuple):
    """One file of the lake: where it lies, and the schema version it was written under."""

    path: str
    schema_version: int


class State(Protocol):
    """What the views depend on, looked up when a view that needs it is made."""

    def relation(self, kind: str) -> str | None:
        """SQL relation that holds the rows of a kind of lake file (`read_parquet([…])`, the name of an Arrow dataset); None: no files."""

    def features(self) -> Sequence[tuple[str, str]]:
        """The feature dictionary: (stain, feature), in order."""

    def extras(self) -> Mapping[str, str]:
        """Extra covariates: name -> DOUBLE or VARCHAR."""


def statement(name: str, state: State, *, as_of: str | None, spatial: bool = False) -> str:
    """Return the CREATE VIEW or CREATE MACRO of one of NAMES.

    as_of    run id: rows of later runs are hidden; None shows all
    spatial  the extension spatial is loaded
    """
    seen = f"run <= {literal(as_of)}" if as_of else "true"
    if name in PLAIN:
        return f"CREATE VIEW {name} AS SELECT * FROM ladder.base.{quoted(name)} WHERE {seen}"
    if name in VIEW_FILES or name in OVER_CELLS:
        body = files("her2ladder.schema").joinpath("views", f"{name}.sql").read_text()
        return f"CREATE VIEW {name} AS\n{_body(body).replace('/*seen*/ true', seen)}"
    if name == membranes.NAME:
        return membranes.MACRO
    if name == "patient":
        return _patient(state.extras())
    if name == "patient_feature":
        return _patient_feature(state.features())
    if name in _KINDS:
        return _lake_view(LAKE[_KINDS[name]], state.relation(_KINDS[name]))
    return geometry.statement(name, spatial=spatial)


def meaning(view: str) -> str:
    """Return what a public view holds, from the head of its SQL file or the table that it shows."""
    if view in VIEW_FILES or view in OVER_CELLS:
        lines = files("her2ladder.schema").joinpath("views", f"{view}.sql").read_text().splitlines()
        return " ".join(line.removeprefix("--").strip() for line in takewhile(lambda line: line.startswith("--"), lines))
    if view in _BUILT:
        return _BUILT[view]
    row = next(table.row for table in (*LAKE.values(), *CATALOG) if table.name == view)
    return f"The table of this name, as it holds now; a row is {row}."


def parquet_relation(table: Table, lake_files: Sequence[LakeFile]) -> str:
    """Return the scan of these files; the folders' `stain=` and `slide_id=` let DuckDB skip files by name.

    Columns that are younger than a file are NULL for its rows.
    """
    by_missing: dict[tuple[str, ...], list[str]] = {}
    for path, version in lake_files:
        missing = tuple(f"NULL::{c.sql_type} AS {quoted(c.name)}" for c in table.columns if c.since > version)
        by_missing.setdefault(missing, []).append(path)
    scans = [", ".join(("SELECT *", *missing)) + f" FROM {_scan(paths)}" for missing, paths in by_missing.items()]
    return _scan(by_missing[()]) if set(by_missing) == {()} else f"({' UNION ALL BY NAME '.join(scans)})"


def _scan(paths: Sequence[str]) -> str:
    listed = ", ".join(literal(path) for path in paths)
    return f"read_parquet([{listed}], hive_partitioning=true, hive_types={{'stain': VARCHAR, 'slide_id': VARCHAR}})"


def extra_types(objects: Sequence[str]) -> dict[str, str]:
    """Return covariate -> SQL type from the JSON objects of `extra`: DOUBLE where every value is a number."""
    types: dict[str, str] = {}
    for text in objects:
        for name, value in json.loads(text).items():
            number = isinstance(value, int | float) or value is None
            types[name] = "DOUBLE" if number and types.get(name, "DOUBLE") == "DOUBLE" else "VARCHAR"
    return dict(sorted(types.items()))


def _body(text: str) -> str:
    return text.strip().rstrip(";")


def _lake_view(table: Table, relation: str | None) -> str:
    """A lake view has the contract's columns in order; without files it is typed and empty.

    Columns are qualified, since a macro's parameter of the same name (`stain`, `x_um`) would be taken for them.
    """
    if relation is None:
        columns = ", ".join(f"NULL::{c.sql_type} AS {quoted(c.name)}" for c in table.columns)
        source = f"SELECT {columns} WHERE false"
    else:
        source = f"SELECT {', '.join(f'lake.{quoted(c.name)}' for c in table.columns)} FROM {relation} AS lake"
    if table.name == "cell":
        source = f"SELECT one.*, one.x_um / one.mpp_x AS x_px, one.y_um / one.mpp_y AS y_px FROM ({source}) AS one"
    if table.name == "cell_type":  # a lake file is written before its run has a name
        source = (
            f"SELECT one.*, m.run FROM ({source}) AS one JOIN manifest_current AS m ON m.kind = 'cell_types' AND m.slide_id = one.slide_id"
        )
    return f"CREATE VIEW {table.name} AS {source}"


def _patient(extras: Mapping[str, str]) -> str:
    """Patients with the covariates that a column map named `extra` as columns of their own."""
    columns = "".join(
        f",\n  TRY_CAST(extra ->> {literal('$.' + json.dumps(name))} AS {kind}) AS {quoted(name)}" for name, kind in extras.items()
    )
    return f"CREATE VIEW patient AS SELECT * EXCLUDE (extra){columns} FROM patient_base"


def _patient_feature(features: Sequence[tuple[str, str]]) -> str:
    """One row a patient with slides, one column a feature under the default rule."""
    names = [feature for _, feature in features]
    columns = ""
    for stain, feature in features:
        shown = feature if names.count(feature) == 1 or stain in CLASSES else f"{stain}_{feature}"
        where = f"feature_set = 'sc-mtop' AND stain = {literal(stain)} AND feature = {literal(shown)}"
        columns += f",\n  max(value) FILTER ({where}) AS {quoted(shown)}"
    body = f"SELECT patient_id{columns} FROM feature_value WHERE feature_set = 'sc-mtop' GROUP BY patient_id ORDER BY patient_id"
    return f"CREATE VIEW patient_feature AS {body}"
