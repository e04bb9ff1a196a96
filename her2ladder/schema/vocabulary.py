"""Words that the store knows: stains and their cell classes, cohort roles, bands, settings, stages."""

from __future__ import annotations

CLASSES: dict[str, tuple[str, ...]] = {
    "HE": ("Tumor", "Stroma", "Neutro", "Lymph", "Macro"),
    "HER2": ("HER2strong_complete", "HER2strong_incomplete", "HER2weak_complete", "HER2weak_incomplete", "HER2null"),
}
XENIUM = "Xenium"  # stain of an in-situ section; `ladder type` brings its classes, so its vocabulary starts empty and may grow
OTHER = "Other"  # stored and counted in all_cells, in no pair
DROP = "drop"  # a label map's word for "do not store"

# completeness below: null; from here on: complete; mean density of the stained membrane from here on: strong (decision 0035)
MEMBRANE_THRESHOLDS = {"null_completeness": 0.10, "complete": 0.80, "strong_od": 0.60}

ROLES = ("construction", "temporal_validation", "trial_validation", "external_validation", "regimen", "adjuvant", "xenium")
SETTINGS = ("neoadjuvant", "adjuvant")
HR_STATUS = ("positive", "negative")
STAGES = ("0", "I", "IA", "IB", "II", "IIA", "IIB", "III", "IIIA", "IIIB", "IIIC", "IV")  # AJCC, breast
TILE_FLAGS = ("blank", "out_of_focus", "pen", "fold")  # what may be wrong with a tile of a segmented slide
BANDS = ("Low", "Medium", "High")

# mpp outside these is a wrong unit or a DPI tag, never a scanner (segmentation.md: 352.8 has been seen).
MPP_PLAUSIBLE_UM = (0.05, 2.0)
