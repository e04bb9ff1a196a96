"""The contracts of every table: lake tables (Parquet, one file per slide and stain) and catalog tables (DuckDB)."""

from __future__ import annotations

import pyarrow as pa

from her2ladder.schema.contract import Column, Table
from her2ladder.schema.vocabulary import HR_STATUS, ROLES, SETTINGS

SCHEMA_VERSION = 3

TEXT, I8, I32, I64 = pa.string(), pa.int8(), pa.int32(), pa.int64()
F32, F64 = pa.float32(), pa.float64()
TIME = pa.timestamp("us")
WORD = pa.dictionary(pa.int16(), pa.string())  # few distinct values: dictionary-encoded in Arrow and Parquet


def _one_of(column: str, words: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(word) for word in words)})"


SLIDE_ID = Column("slide_id", TEXT, "slide the row belongs to", required=True)
STAIN = Column("stain", TEXT, "stain of the slide: HE, HER2 or a name of a user's vocabulary", required=True)
PATIENT_ID = Column("patient_id", TEXT, "patient, pseudonymous", required=True)
RUN = Column("run", TEXT, "run that wrote the row: see table run", required=True)
CELL_ID = Column("cell_id", I32, "number within the slide, from 0 in the file order of the source", required=True)

# ---- lake ------------------------------------------------------------------------------------------------------------

CELL = Table(
    "cell",
    row="one segmented cell of one slide",
    key=("slide_id", "stain", "cell_id"),
    in_lake=True,
    columns=(
        Column("slide_id", WORD, "slide the cell was found on", required=True),
        Column("patient_id", WORD, "patient the slide comes from", required=True),
        Column("stain", WORD, "stain of the slide", required=True),
        CELL_ID,
        Column("source_id", TEXT, "the cell's own name in the source file"),
        Column("cell_class", WORD, "class in the store's vocabulary, or Other", required=True),
        Column("source_label", WORD, "label as the source gives it, before the label map"),
        Column("class_prob", F32, "probability of the class, 0..1, where the source gives one"),
        Column("x_um", F64, "centroid as the source gives it, right from the origin, micrometres", required=True),
        Column("y_um", F64, "centroid as the source gives it, down from the origin, micrometres", required=True),
        Column("mpp_x", F64, "micrometres per pixel of the source's own coordinates, x", required=True),
        Column("mpp_y", F64, "micrometres per pixel of the source's own coordinates, y", required=True),
        Column("area_um2", F64, "area inside the outline, square micrometres; NULL without an outline"),
        Column("x_min_px", I32, "left edge of the outline, pixels of the source"),
        Column("y_min_px", I32, "upper edge of the outline, pixels of the source"),
        Column("x_max_px", I32, "right edge of the outline, pixels of the source"),
        Column("y_max_px", I32, "lower edge of the outline, pixels of the source"),
        Column(
            "contour",
            pa.list_(pa.int16()),
            "outline as dx, dy, dx, dy … from the centroid rounded to whole pixels (floor(v + 0.5)), in quanta; "
            "the file's metadata key quanta_per_px says how many quanta a pixel has (1 or 8); open ring",
        ),
        Column("membrane_completeness", F32, "share of the outline with stained membrane, 0..1; HER2 only"),
        Column("membrane_od", F32, "mean DAB optical density of the stained membrane; HER2 only"),
        Column("cytoplasm_od", F32, "median DAB optical density of the cytoplasm; HER2 only"),
        Column("membrane_mean_od", F32, "mean DAB optical density of the whole outline; HER2 only", since=3),
        Column("membrane_gap_um", F32, "longest stretch of the outline without stain, micrometres; HER2 only", since=3),
        Column("calibration", WORD, "calibration the membrane was measured with: see calibration; NULL = none", since=3),
        Column("calibration_factor", F64, "its factor c at that time: densities are compared with thresholds times c", since=3),
    ),
)

CELL_PAIR = Table(
    "cell_pair",
    row="one cell in the graph of one pair of classes (sc-MTOP)",
    key=("slide_id", "stain", "cell_id", "pair"),
    in_lake=True,
    columns=(
        Column("slide_id", WORD, "slide the cell was found on", required=True),
        Column("stain", WORD, "stain of the slide", required=True),
        CELL_ID,
        Column("pair", WORD, "the two classes A_B, in canonical order", required=True),
        Column("n_subgraph", I32, "Nsubgraph: cells in this cell's connected component, itself included", required=True),
        Column("degrees", I32, "Degrees: distinct neighbours in the undirected graph", required=True),
        Column("min_edge_um", F64, "minEdgeLength: shortest of the cell's own list, micrometres; NULL where the list is empty"),
        Column("mean_edge_um", F64, "meanEdgeLength: mean of the cell's own list, micrometres; NULL where the list is empty"),
    ),
)

CENTRALITY_NAMES = (
    "coreness",
    "clustering_coefficient",
    "closeness",
    "harmonic_centrality",
    "betweenness",
    "betweenness_normed",
    "eccentricity",
    "eccentricity_normed",
)
CELL_CENTRALITY = Table(
    "cell_centrality",
    row="optional centralities of one cell in the graph of one pair (sc-MTOP extras)",
    key=("slide_id", "stain", "cell_id", "pair"),
    in_lake=True,
    columns=(
        *CELL_PAIR.columns[:4],
        *(Column(name, F64, f"{name.replace('_', ' ')} in the unweighted graph of the pair") for name in CENTRALITY_NAMES),
        Column("stroma_blocker", I32, "stroma cells in the lens between a lymphocyte and its nearest tumour cell; Lymph only"),
    ),
)

MORPHOLOGY_NAMES = {
    "area_um2": "area of the outline, square micrometres",
    "bbox_area_um2": "area of the upright bounding box, square micrometres",
    "eccentricity": "eccentricity of the ellipse with the polygon's second moments",
    "circularity": "4 pi area / perimeter squared",
    "elongation": "major / minor axis of that ellipse",
    "extent": "area / bounding box area",
    "major_axis_um": "major axis of the ellipse, micrometres",
    "minor_axis_um": "minor axis of the ellipse, micrometres",
    "perimeter_um": "length of the outline, micrometres",
    "solidity": "area / area of the convex hull",
    "curvature_mean": "mean curvature along the outline, 1/um",
    "curvature_sd": "standard deviation of the curvature, 1/um",
    "curvature_max": "largest curvature, 1/um",
    "curvature_min": "smallest curvature, 1/um",
}
CELL_MORPHOLOGY = Table(
    "cell_morphology",
    row="optional shape measures of one cell's outline (sc-MTOP extras)",
    key=("slide_id", "stain", "cell_id"),
    in_lake=True,
    columns=(*CELL_PAIR.columns[:3], *(Column(name, F64, meaning) for name, meaning in MORPHOLOGY_NAMES.items())),
)

EXPRESSION = Table(
    "expression",
    row="one gene that was counted in one cell; a gene without a row was not seen there",
    key=("slide_id", "gene", "cell_id"),
    in_lake=True,
    columns=(
        Column("slide_id", WORD, "slide the cell was found on", required=True),
        CELL_ID,
        Column("gene", WORD, "gene of the panel, by its symbol", required=True),
        Column("count", I32, "transcripts of the gene assigned to the cell, more than 0", required=True),
    ),
)
GENE = Table(
    "gene",
    row="one gene of one slide's panel, seen or not",
    key=("slide_id", "gene"),
    in_lake=True,
    columns=(
        Column("slide_id", WORD, "slide", required=True),
        Column("gene", TEXT, "symbol as the panel gives it; with |id where two genes share it", required=True),
        Column("gene_id", TEXT, "identifier in the source, mostly Ensembl's"),
        Column("n_cells", I64, "cells with at least one transcript of it", required=True),
        Column("total_count", I64, "transcripts in all cells", required=True),
    ),
)
CELL_COUNT = Table(
    "cell_count",
    row="what one cell of an in-situ section was counted and measured with: what quality control looks at",
    key=("slide_id", "cell_id"),
    in_lake=True,
    columns=(
        Column("slide_id", WORD, "slide the cell was found on", required=True),
        CELL_ID,
        Column("n_counts", I64, "transcripts of genes; where the bundle has no matrix, those that its table of cells tells"),
        Column("n_genes", I32, "genes with at least one transcript; NULL without a matrix"),
        Column("n_control", I64, "counts of control probes, genomic controls and control codewords"),
        Column("cell_area_um2", F64, "area of the cell as the instrument gives it, square micrometres"),
        Column("nucleus_area_um2", F64, "area of its nuclei as the instrument gives it, square micrometres"),
        Column("n_nuclei", I32, "nuclei in the cell, where the source tells"),
    ),
)
CELL_TYPE = Table(
    "cell_type",
    row="the type of one cell of an in-situ section, by marker genes or by labels made elsewhere",
    key=("slide_id", "cell_id"),
    in_lake=True,
    columns=(
        Column("slide_id", WORD, "slide the cell was found on", required=True),
        CELL_ID,
        Column("type", WORD, "type; Unassigned where none is clear, LowQuality where quality control left the cell out", required=True),
        Column("score", F64, "mean z of the type's positive markers minus that of its negative ones; NULL for labels made elsewhere"),
        Column("margin", F64, "score less the score of the second best type; NULL for labels"),
    ),
)

LAKE: dict[str, Table] = {  # folder of the lake -> contract
    "cells": CELL,
    "cell_pairs": CELL_PAIR,
    "cell_centralities": CELL_CENTRALITY,
    "cell_morphologies": CELL_MORPHOLOGY,
    "expression": EXPRESSION,
    "genes": GENE,
    "cell_counts": CELL_COUNT,
    "cell_types": CELL_TYPE,
}

# ---- catalog ---------------------------------------------------------------------------------------------------------

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
    Column("cohort_role", TEXT, "what the cohort is for", check=_one_of("cohort_role", ROLES)),
    Column("setting", TEXT, "treatment before (neoadjuvant) or after (adjuvant) surgery", check=_one_of("setting", SETTINGS)),
    Column("regimen", TEXT, "anti-HER2 regimen, open text"),
    Column("age_years", F64, "age at diagnosis, years", check="age_years BETWEEN 0 AND 120"),
    Column("clinical_stage", TEXT, "clinical stage, I..IV with A/B/C"),
    Column("hr_status", TEXT, "hormone receptor status", check=_one_of("hr_status", HR_STATUS)),
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
        Column("kind", TEXT, "folder of the lake", required=True, check=_one_of("kind", tuple(LAKE))),
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
FEATURE_DICTIONARY = Table(
    "feature_dictionary",
    row="one slide-level feature and its definition",
    key=("stain", "feature"),
    columns=(
        Column("feature", TEXT, "name", required=True),
        STAIN,
        Column("family", TEXT, "proportion, Nsubgraph, minEdgeLength, meanEdgeLength or Degrees", required=True),
        Column("classes", TEXT, "classes it speaks of, comma-separated; proportions: numerator / denominator", required=True),
        Column("definition", TEXT, "how a value is made under the default rule", required=True),
        Column("unit", TEXT, "unit", required=True),
        Column("source", TEXT, "paper, or chosen", required=True, check="source IN ('paper', 'chosen')"),
        Column("position", I32, "place within its stain, from 0", required=True),
        RUN,
    ),
)
SLIDE_FEATURE = Table(  # value rows: no keys (design 3), checked by queries
    "slide_feature",
    row="one feature of one slide under one rule",
    columns=(
        SLIDE_ID,
        STAIN,
        Column("feature", TEXT, "name, see feature_dictionary", required=True),
        Column("rule", TEXT, "cells_statistic_nullrule; first_mean_radius and ratio are the defaults", required=True),
        Column("value", F64, "value; NULL where the slide has no cell to average over"),
        Column("n_cells", I64, "cells the statistic is over; for a proportion its denominator", required=True),
        Column("cells_sha256", TEXT, "cells file it was computed from", required=True),
        Column("parameters", TEXT, "radius and k, JSON", required=True),
        RUN,
    ),
)
IMPORTED_FEATURE = Table(
    "imported_feature",
    row="one feature value of one patient, made elsewhere",
    columns=(
        Column("feature_set", TEXT, "name of the set", required=True),
        PATIENT_ID,
        Column("feature", TEXT, "column of the file", required=True),
        Column("value", F64, "value"),
        RUN,
    ),
    refers=((("patient_id",), "patient"),),
)
MODEL = Table(
    "model",
    row="one trained model",
    key=("model_id",),
    columns=(
        Column("model_id", TEXT, "name and run: unique", required=True),
        Column("name", TEXT, "name given at training", required=True),
        Column("kind", TEXT, "ensemble, or clinical (the rival of age, stage and HR)", required=True),
        Column("feature_set", TEXT, "features it reads", required=True),
        Column("cohort", TEXT, "patients it was trained on, as asked for", required=True),
        Column("sha256", TEXT, "hash of its files", required=True),
        Column("summary", TEXT, "what was tried, chosen and weighted, JSON", required=True),
        RUN,
    ),
)
MODEL_BAND = Table(
    "model_band",
    row="frozen tertile cuts and decision threshold of one score",
    key=("score_name", "run"),
    columns=(
        Column("score_name", TEXT, "score", required=True),
        Column("low_max", F64, "Low: score <= this", required=True),
        Column("medium_max", F64, "Medium: score <= this; High: above", required=True),
        Column("threshold", F64, "predicted residual disease: score >= this (Youden); NULL without outcomes"),
        Column("rule", TEXT, "how the cuts were made", required=True),
        Column("n", I64, "construction patients with a score", required=True),
        Column("cohort", TEXT, "cohorts of those patients", required=True),
        RUN,
    ),
)
SCORE = Table(
    "score",
    row="one score of one patient; the newest run of a score, patient and kind holds",
    columns=(
        Column("score_name", TEXT, "score", required=True),
        PATIENT_ID,
        Column("kind", TEXT, "which", required=True, check="kind IN ('out_of_fold', 'final', 'apparent', 'imported')"),
        Column("score", F64, "toward residual disease: high = residual disease expected"),
        Column("raw_score", F64, "as the source gives it"),
        Column("predicts", TEXT, "what a high raw score predicts", required=True, check="predicts IN ('residual', 'pcr')"),
        Column("n_imputed", I32, "features that were missing and filled by the model's rule"),
        Column("input_sha256", TEXT, "hash of the patient's features it was computed from; NULL for imported scores"),
        RUN,
    ),
    refers=((("patient_id",), "patient"),),
)
FOLD_PREDICTION = Table(
    "fold_prediction",
    row="one out-of-fold score of one construction patient",
    columns=(
        Column("score_name", TEXT, "score", required=True),
        PATIENT_ID,
        Column("member", TEXT, "sub-model, or ensemble, or clinical", required=True),
        Column("repeat", I32, "repeat of the outer cross-validation, from 0", required=True),
        Column("fold", I32, "fold within the repeat, from 0", required=True),
        Column("score", F64, "score", required=True),
        RUN,
    ),
)
ANALYSIS_RESULT = Table(
    "analysis_result",
    row="one number of one analysis",
    columns=(
        Column("analysis", TEXT, "command that made it", required=True),
        Column("cohort", TEXT, "cohorts or roles, as asked for", required=True),
        Column("subgroup", TEXT, "part of the cohort: a band, a regimen, or all"),
        Column("term", TEXT, "what is measured: a score, a variable, `A vs B`, `A - B`, a time"),
        Column("metric", TEXT, "name of the number", required=True),
        Column("value", F64, "estimate; NULL with a note where it cannot be computed"),
        Column("lo", F64, "lower limit of the 95 % interval"),
        Column("hi", F64, "upper limit of the 95 % interval"),
        Column("p", F64, "p value, unadjusted"),
        Column("p_adjusted", F64, "p value, adjusted within its family"),
        Column("n", I64, "patients"),
        Column("events", I64, "events: residual disease, pCR, deaths or relapses, as the metric says"),
        Column("test", TEXT, "test and interval by name"),
        Column("family", TEXT, "family of tests and its correction"),
        Column("note", TEXT, "flags and reasons"),
        Column("score_name", TEXT, "score it speaks of; NULL where none"),
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

MEMBRANE_THRESHOLD = Table(
    "membrane_threshold",
    row="one set of thresholds that make HER2 classes of membrane numbers; the newest run holds",
    columns=(
        Column("null_completeness", F64, "completeness below this: HER2null", required=True, check="null_completeness BETWEEN 0 AND 1"),
        Column("complete", F64, "completeness from this on: complete", required=True, check="complete BETWEEN 0 AND 1"),
        Column("strong_od", F64, "membrane_od from this times the calibration factor on: strong", required=True, check="strong_od > 0"),
        RUN,
    ),
)
CALIBRATION_CONTROL = Table(
    "calibration_control",
    row="one control of a staining batch and the factor that its batch has after it; the newest run of a name and kind holds",
    columns=(
        Column("calibration", TEXT, "name of the batch", required=True),
        Column("expect", TEXT, "how the control is stained", required=True, check="expect IN ('strong', 'weak', 'null')"),
        Column("control_factor", F64, "what this control says: measured / expected density; of a null control the least c", required=True),
        Column("factor", F64, "factor c of the batch, from all its controls", required=True, check="factor > 0"),
        Column("measured_od", F64, "median DAB optical density of the control's membranes"),
        Column("n_cells", I64, "cells of the control", required=True),
        Column("n_used", I64, "of them with half a membrane or more, which were averaged", required=True),
        Column("mpp", F64, "micrometres per pixel of the tiles", required=True),
        Column("white", TEXT, "brightness of unstained glass, red, green and blue, JSON", required=True),
        Column("parameters", TEXT, "settings of the measurement, JSON", required=True),
        RUN,
    ),
)
TILE_QUALITY = Table(
    "tile_quality",
    row="one tile of one segmentation, and what may be wrong with it",
    columns=(
        SLIDE_ID,
        STAIN,
        Column("x0_um", F64, "left edge of the tile, micrometres", required=True),
        Column("y0_um", F64, "upper edge of the tile, micrometres", required=True),
        Column("x1_um", F64, "right edge, not part of the tile, micrometres", required=True),
        Column("y1_um", F64, "lower edge, not part of the tile, micrometres", required=True),
        Column("tissue_share", F64, "share of the tile that is tissue", required=True),
        Column("sharpness", F64, "share of the contrast that lies in fine detail; NULL without tissue"),
        Column("pen_share", F64, "share of the tile that has the colours of ink", required=True),
        Column("fold_share", F64, "share of the tile that is as dense as two layers", required=True),
        Column("flags", TEXT, "blank, out_of_focus, pen, fold; with commas between; empty where nothing is wrong", required=True),
        RUN,
    ),
    refers=((("slide_id", "stain"), "slide"),),
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
