"""The contracts of every table: lake tables (Parquet, one file a slide and stain) and catalog tables (DuckDB)."""

from __future__ import annotations

from her2ladder.schema.contract import Table
from her2ladder.schema.tables.answers import (
    ANALYSIS_RESULT,
    FEATURE_DICTIONARY,
    FOLD_PREDICTION,
    IMPORTED_FEATURE,
    MODEL,
    MODEL_BAND,
    SCORE,
    SLIDE_FEATURE,
)
from her2ladder.schema.tables.columns import CELL_ID, PATIENT_ID, RUN, SLIDE_ID, STAIN, WORD
from her2ladder.schema.tables.facts import (
    CLINICAL_COLUMNS,
    COHORT,
    LABEL_MAP,
    MANIFEST,
    PATIENT,
    PATIENT_CLINICAL,
    QUARANTINE,
    RUN_TABLE,
    SLIDE,
    STORE_INFO,
    VOCABULARY,
)
from her2ladder.schema.tables.lake import (
    CELL,
    CELL_CENTRALITY,
    CELL_COUNT,
    CELL_MORPHOLOGY,
    CELL_PAIR,
    CELL_TYPE,
    CENTRALITY_NAMES,
    EXPRESSION,
    GENE,
    LAKE,
    MORPHOLOGY_NAMES,
)
from her2ladder.schema.tables.staining import CALIBRATION_CONTROL, MEMBRANE_THRESHOLD, TILE_QUALITY

SCHEMA_VERSION = 4


CATALOG: tuple[Table, ...] = (
    STORE_INFO,
    RUN_TABLE,
    COHORT,
    PATIENT,
    PATIENT_CLINICAL,
    SLIDE,
    MANIFEST,
    VOCABULARY,
    LABEL_MAP,
    FEATURE_DICTIONARY,
    SLIDE_FEATURE,
    IMPORTED_FEATURE,
    MODEL,
    MODEL_BAND,
    SCORE,
    FOLD_PREDICTION,
    ANALYSIS_RESULT,
    QUARANTINE,
    MEMBRANE_THRESHOLD,
    CALIBRATION_CONTROL,
    TILE_QUALITY,
)
BY_NAME: dict[str, Table] = {table.name: table for table in (*CATALOG, *LAKE.values())}

__all__ = [
    "ANALYSIS_RESULT",
    "BY_NAME",
    "CALIBRATION_CONTROL",
    "CATALOG",
    "CELL",
    "CELL_CENTRALITY",
    "CELL_COUNT",
    "CELL_ID",
    "CELL_MORPHOLOGY",
    "CELL_PAIR",
    "CELL_TYPE",
    "CENTRALITY_NAMES",
    "CLINICAL_COLUMNS",
    "COHORT",
    "EXPRESSION",
    "FEATURE_DICTIONARY",
    "FOLD_PREDICTION",
    "GENE",
    "IMPORTED_FEATURE",
    "LABEL_MAP",
    "LAKE",
    "MANIFEST",
    "MEMBRANE_THRESHOLD",
    "MODEL",
    "MODEL_BAND",
    "MORPHOLOGY_NAMES",
    "PATIENT",
    "PATIENT_CLINICAL",
    "PATIENT_ID",
    "QUARANTINE",
    "RUN",
    "RUN_TABLE",
    "SCHEMA_VERSION",
    "SCORE",
    "SLIDE",
    "SLIDE_FEATURE",
    "SLIDE_ID",
    "STAIN",
    "STORE_INFO",
    "TILE_QUALITY",
    "VOCABULARY",
    "WORD",
]
