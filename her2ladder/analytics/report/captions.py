"""What stands under each figure of the report, by the name of its file."""

from __future__ import annotations

CAPTIONS = {
    "patient_flow": "Patient flow: enrolled, left out and why, analysed",
    "roc": "ROC curves: sensitivity against 1 - specificity; the further up and left, the better the score tells residual disease from pCR",
    "roc_by": "ROC curves by",
    "precision_recall": "Precision against recall: of those called residual disease, how many have it",
    "precision_recall_by": "Precision against recall by",
    "confusion": "Calls at the frozen threshold against what was found at surgery",
    "confusion_by": "Calls at the frozen threshold by",
    "decision": "Decision curve: net benefit of acting on the score, against treating all and treating none",
    "decision_by": "Decision curves by",
    "calibration": "Calibration: predicted against observed residual disease; on the diagonal they agree",
    "calibration_by": "Calibration by",
    "distribution": "Scores of patients with residual disease and with pCR, and the cuts between the bands",
    "distribution_by": "Scores by response, by",
    "comparison": "AUC of the score beside each clinical variable; P of the paired difference",
    "comparison_by": "AUC of the score beside each clinical variable, by",
    "candidates": "AUC of each candidate model in training",
    "features": "Features that the model uses",
    "shap_bars": "Mean absolute SHAP value of each feature: how far it moves the predicted probability",
    "shap_beeswarm": "SHAP values of each patient: colour is the feature's value, right is toward residual disease",
    "odds": "Odds ratios with 95 % intervals; right of 1 is more residual disease",
    "schematic": "From band to treatment as the paper reads it: exploratory, not a finding from these data, not for clinical use",
    "compare": "pCR rate by band and regimen with Wilson 95 % intervals; brackets: tests between regimens",
    "survival_dfs": "Disease-free survival by band (Kaplan-Meier) with numbers at risk",
    "survival_os": "Overall survival by band (Kaplan-Meier) with numbers at risk",
    "survival_dfs_hazards": "Are hazards proportional? Disease-free survival: parallel curves, and a flat line of the log hazard ratio",
    "survival_os_hazards": "Are hazards proportional? Overall survival: parallel curves, and a flat line of the log hazard ratio",
    "contrast_band": "Features that differ most between High and Low (P is descriptive: bands are made of these features)",
    "expression_composition": "Shares of cell types, every patient a point; P of the exact rank-sum test where there are no ties",
    "expression_composition_stacked": "Composition of each patient's sections",
    "expression_de": "Genes that differ within each cell type: log2 fold change of counts summed a patient, against P",
    "expression_subtypes": "Shares of intrinsic subtypes among tumour cells, every patient a point",
    "expression_subtypes_stacked": "Intrinsic subtypes of each patient's tumour cells",
    "expression_subtypes_maps": "Subtypes of tumour cells where they lie: the patients nearest their group's median",
    "expression_pathways": "Enriched pathways, with the panel as background",
    "expression_interactions": "Ligand-receptor pairs of neighbouring cells: log2 of observed over expected, every patient a point",
    "expression_interactions_dots": "Ligand-receptor pairs by sender, receiver and group",
    "contrast_response": "The same features by response",
}


def caption(stem: str) -> str:
    """Return the words under the figure `stem`; what follows the known part of its name (a cohort, a regimen) is added to them."""
    known = max((name for name in CAPTIONS if stem == name or stem.startswith(f"{name}_")), key=len, default=None)
    if known is None:
        return stem.replace("_", " ").capitalize()
    rest = stem[len(known) :].strip("_").replace("_", " ")
    if not rest:
        return CAPTIONS[known]
    return f"{CAPTIONS[known]} {rest}" if known.endswith("_by") else f"{CAPTIONS[known]} ({rest})"
