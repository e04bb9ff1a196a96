"""The contracts of the lake: Parquet, one file a slide and stain."""

from __future__ import annotations

import pyarrow as pa

from her2ladder.schema.contract import Column, Table
from her2ladder.schema.tables.columns import CELL_ID, F32, F64, I32, I64, TEXT, WORD

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

REGION = Table(
    "region",
    row="one region that was drawn on a slide, or a band along the border of such",
    key=("slide_id", "stain", "region_id"),
    in_lake=True,
    columns=(
        Column("slide_id", WORD, "slide it was drawn on", required=True),
        Column("stain", WORD, "stain of the slide", required=True),
        Column("region_id", I32, "number within the slide, from 0 in the order of the files", required=True),
        Column("region_class", TEXT, "class, as the map gives it", required=True),
        Column("name", TEXT, "name in the file, if any"),
        Column("role", TEXT, "include, or exclude: its cells count in no region that is asked for", required=True),
        Column("area_um2", F64, "area without holes, square micrometres", required=True),
        Column("geometry", pa.binary(), "outline as WKB, Polygon or MultiPolygon, micrometres", required=True),
        Column("source_name", TEXT, "file it came from", required=True),
    ),
)

CELL_REGION = Table(
    "cell_region",
    row="a cell whose centroid lies in a region; on a border that two regions share it lies in one of them",
    key=("slide_id", "stain", "cell_id", "region_id"),
    in_lake=True,
    columns=(
        Column("slide_id", WORD, "slide the cell was found on", required=True),
        Column("stain", WORD, "stain of the slide", required=True),
        CELL_ID,
        Column("region_id", I32, "region: see view region", required=True),
        Column("region_class", WORD, "its class", required=True),
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
    "regions": REGION,
    "cell_regions": CELL_REGION,
}
