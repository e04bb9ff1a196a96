"""The contracts of the catalog for who and what is there: runs, cohorts, patients, slides, and the files of the lake."""

from __future__ import annotations

from her2ladder.schema.contract import Column, Table
from her2ladder.schema.tables.columns import F64, I8, I32, I64, PATIENT_ID, RUN, SLIDE_ID, STAIN, TEXT, TIME, one_of
from her2ladder.schema.tables.lake import LAKE
from her2ladder.schema.vocabulary import HR_STATUS, ROLES, SETTINGS

RUN_TABLE = Table(
    "run",
    row="one run of a stage: what was asked, from what, with what code, and what came of it",
    key=("run",),
    columns=(
        RUN,
        Column("stage", TEXT, "stage, as the command names it", required=True),
        Column("arguments", TEXT, "arguments, JSON with sorted keys", required=True),
        Column("queries", TEXT, "named queries used: {name: sha256}, JSON", required=True),
        Column("inputs", TEXT, "inputs: {name: sha256}, JSON", required=True),
        Column("versions", TEXT, "versions of Python and of the packages that compute, JSON", required=True),
        Column("seed", I64, "seed of the random generator, where one was used"),
        Column("started", TIME, "start, UTC", required=True),
        Column("seconds", F64, "wall seconds until the rows were ready", required=True),
        Column("n_rows", I64, "rows written, catalog and lake together", required=True),
        Column("fingerprint", TEXT, "order-free fingerprint of what was written, run ids and times left out", required=True),
        Column("snapshot", TEXT, "last run that this run could see: its input state", required=True),
    ),
)

COHORT = Table(
    "cohort", row="one cohort, named once", key=("cohort",), columns=(Column("cohort", TEXT, "name of the cohort", required=True), RUN)
)

PATIENT = Table("patient", row="one patient, named once", key=("patient_id",), columns=(PATIENT_ID, RUN))

CLINICAL_COLUMNS = (
    Column("cohort", TEXT, "cohort the patient belongs to; NULL until a clinical table comes"),
    Column("cohort_role", TEXT, "what the cohort is for", check=one_of("cohort_role", ROLES)),
    Column("setting", TEXT, "treatment before (neoadjuvant) or after (adjuvant) surgery", check=one_of("setting", SETTINGS)),
    Column("regimen", TEXT, "anti-HER2 regimen, open text"),
    Column("age_years", F64, "age at diagnosis, years", check="age_years BETWEEN 0 AND 120"),
    Column("clinical_stage", TEXT, "clinical stage, I..IV with A/B/C"),
    Column("hr_status", TEXT, "hormone receptor status", check=one_of("hr_status", HR_STATUS)),
    Column("her2_ihc", TEXT, "HER2 immunohistochemistry: 0, 1+, 2+, 3+"),
    Column("tils_percent", F64, "stromal tumour-infiltrating lymphocytes, percent", check="tils_percent BETWEEN 0 AND 100"),
    Column("is_pcr", I8, "pathological complete response reached: 1, not reached: 0", check="is_pcr IN (0, 1)"),
    Column("os_months", F64, "overall survival time, months", check="os_months >= 0"),
    Column("os_event", I8, "1 died, 0 censored", check="os_event IN (0, 1)"),
    Column("dfs_months", F64, "disease-free survival time, months", check="dfs_months >= 0"),
    Column("dfs_event", I8, "1 relapsed or died, 0 censored", check="dfs_event IN (0, 1)"),
    Column("excluded_reason", TEXT, "why the patient is left out of analyses; NULL = analysed"),
)

PATIENT_CLINICAL = Table(
    "patient_clinical",
    row="what is known of one patient after one clinical table, columns that it lacks kept from earlier ones; the newest run holds",
    columns=(
        PATIENT_ID,
        *CLINICAL_COLUMNS,
        Column("extra", TEXT, "further covariates that the column map names, JSON object"),
        RUN,
    ),
    refers=((("patient_id",), "patient"), (("cohort",), "cohort")),
)

SLIDE = Table(
    "slide",
    row="one slide of one stain, named once, with the patient it was first read with; view slide has the one that holds",
    key=("slide_id", "stain"),
    columns=(SLIDE_ID, STAIN, PATIENT_ID, RUN),
    refers=((("patient_id",), "patient"),),
)

MANIFEST = Table(
    "manifest",
    row="one Parquet file of the lake; the newest row of a kind, slide and stain holds",
    columns=(
        Column("kind", TEXT, "folder of the lake", required=True, check=one_of("kind", tuple(LAKE))),
        SLIDE_ID,
        STAIN,
        Column(
            "state", TEXT, "current, or withdrawn (the file must not be used)", required=True, check="state IN ('current', 'withdrawn')"
        ),
        Column("path", TEXT, "path within the store, / as separator", required=True),
        Column("sha256", TEXT, "sha256 of the file's bytes", required=True),
        Column("n_rows", I64, "rows in the file", required=True),
        Column("n_bytes", I64, "bytes of the file", required=True),
        Column("schema_version", I32, "version of the contract the file was written under", required=True),
        Column("cells_sha256", TEXT, "cells file that the rows were computed from; for cells the file itself", required=True),
        Column("parameters", TEXT, "what the rows were computed with, JSON; for cells how they were read", required=True),
        Column("source_name", TEXT, "name of the file they came from; cells only"),
        Column("source_sha256", TEXT, "sha256 of the file they came from; cells only"),
        Column("source_format", TEXT, "format of the source; cells only"),
        Column("label_map", TEXT, "label map that gave the classes; cells only"),
        Column("label_map_sha256", TEXT, "its content; cells only"),
        Column("patient_id", TEXT, "patient; cells only"),
        Column("mpp_x", F64, "micrometres per pixel of the source's coordinates, x; cells only"),
        Column("mpp_y", F64, "micrometres per pixel of the source's coordinates, y; cells only"),
        Column("slide_mpp", F64, "micrometres per pixel at level 0 of the slide, where known; cells only"),
        Column("class_counts", TEXT, "cells and mean area of each class, JSON: see view class_count; cells only"),
        Column("n_quarantined", I64, "records of the source that were left out; cells only"),
        RUN,
    ),
    refers=((("slide_id", "stain"), "slide"),),
)

VOCABULARY = Table(
    "vocabulary",
    row="one cell class of one stain, in canonical order",
    key=("stain", "cell_class"),
    columns=(
        STAIN,
        Column("cell_class", TEXT, "class", required=True),
        Column("position", I32, "place in the order, from 0", required=True),
        RUN,
    ),
)

LABEL_MAP = Table(
    "label_map",
    row="one label of one version of a label map and the class it stands for",
    key=("label_map", "label_map_sha256", "label"),
    columns=(
        Column("label_map", TEXT, "name of the map", required=True),
        Column("label_map_sha256", TEXT, "version: hash of its content", required=True),
        Column("stain", TEXT, "stain that the map is for; NULL = any with these classes"),
        Column("label", TEXT, "label in the source", required=True),
        Column("cell_class", TEXT, "class of the vocabulary, Other, or drop", required=True),
        RUN,
    ),
)

QUARANTINE = Table(
    "quarantine",
    row="one record or file that was left out, and why",
    columns=(
        Column("what", TEXT, "cell, slide, clinical row …", required=True),
        Column("source_name", TEXT, "file", required=True),
        Column("record", TEXT, "which record of it"),
        Column("slide_id", TEXT, "slide"),
        Column("stain", TEXT, "stain"),
        Column("reason", TEXT, "why, one line", required=True),
        RUN,
    ),
)

STORE_INFO = Table(
    "store_info",
    row="version of the contracts the catalog was laid out under; the largest holds",
    key=("schema_version",),
    columns=(
        Column("schema_version", I32, "version", required=True),
        Column("created", TIME, "when, UTC", required=True),
        Column("her2ladder", TEXT, "version of her2ladder that laid it out", required=True),
        RUN,
    ),
)
