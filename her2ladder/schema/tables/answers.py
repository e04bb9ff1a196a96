"""The contracts of the catalog for what was computed: features, models, scores, results."""

from __future__ import annotations

from her2ladder.schema.contract import Column, Table
from her2ladder.schema.tables.columns import F64, I32, I64, PATIENT_ID, RUN, SLIDE_ID, STAIN, TEXT

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
        Column("feature_set", TEXT, "sc-mtop@CLASS for cells within regions of a class; NULL = sc-mtop, the whole slide"),
        Column("regions_sha256", TEXT, "regions file that said which cells count; NULL = the whole slide"),
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
