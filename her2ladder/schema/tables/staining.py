"""The contracts of the catalog for how slides were stained and scanned: thresholds, calibrations, quality of tiles."""

from __future__ import annotations

from her2ladder.schema.contract import Column, Table
from her2ladder.schema.tables.columns import F64, I64, RUN, SLIDE_ID, STAIN, TEXT

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
