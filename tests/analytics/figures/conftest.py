"""Realistic made-up numbers for every figure, and a reader of what a figure really draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from her2ladder.analytics.compare.figure import pcr_bars_figure
from her2ladder.analytics.compare.schematic import band_schematic_figure
from her2ladder.analytics.evaluate.figures.calibration import calibration_figure
from her2ladder.analytics.evaluate.figures.comparison import comparison_figure
from her2ladder.analytics.evaluate.figures.confusion import confusion_figure
from her2ladder.analytics.evaluate.figures.decision import decision_figure
from her2ladder.analytics.evaluate.figures.distributions import distribution_figure
from her2ladder.analytics.evaluate.figures.feature_sets import candidates_figure, feature_category_figure
from her2ladder.analytics.evaluate.figures.precision_recall import precision_recall_figure
from her2ladder.analytics.evaluate.figures.roc import roc_figure
from her2ladder.analytics.explain.figure import shap_bars_figure, shap_beeswarm_figure
from her2ladder.analytics.figures.boxes import boxes_figure
from her2ladder.analytics.figures.style import Sheet, journal_style
from her2ladder.analytics.odds.figure import forest_figure
from her2ladder.analytics.survival.figure import kaplan_meier_figure
from her2ladder.analytics.table1.figure import patient_flow_figure

BANDS = ("Low", "Medium", "High")
REGIMENS = ("TCbHP/PCbHP", "THP", "TCbH/PCbH", "SHR-A1811", "TH+pyrotinib")
FEATURES = (
    "HER2strong_complete_HER2strong_incomplete_Nsubgraph",
    "Pi_HER2strong_complete_in_HER2strong",
    "Neutro_Lymph_Nsubgraph",
    "hr_status",
)
Maker = Callable[[Sheet], Figure]


def frame(columns: str, *rows: tuple[object, ...]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=columns.split())


@pytest.fixture(scope="session")
def frames() -> dict[str, pd.DataFrame]:
    """One small frame for each argument of each figure."""
    random = np.random.default_rng(7)
    grid = np.linspace(0, 1, 21)
    cohorts = ("Construction (out-of-fold)", "Temporal validation")
    score = {name: random.beta(2, 2, n) for name, n in zip((*cohorts, "CQUCH"), (120, 60, 20), strict=True)}
    made: dict[str, pd.DataFrame] = {
        "roc": pd.concat(pd.DataFrame({"label": c, "false_positive_rate": grid, "sensitivity": grid**0.3}) for c in cohorts),
        "roc_band": pd.DataFrame({"label": cohorts[0], "false_positive_rate": grid, "lo": grid**0.5, "hi": grid**0.2}),
        "roc_point": frame("label false_positive_rate sensitivity threshold", (cohorts[0], 0.2, 0.62, 0.4873)),
        "auc": frame("label value lo hi n events", (cohorts[0], 0.844, 0.791, 0.884, 276, 118), (cohorts[1], 0.803, 0.699, 0.877, 82, 29)),
        "pr": pd.concat(pd.DataFrame({"label": c, "recall": grid[1:], "precision": 1 - 0.6 * grid[1:] ** 2}) for c in cohorts),
        "bins": frame(
            "label mean_score observed lo hi n",
            *[(c, x, x, max(0, x - 0.2), min(1, x + 0.2), 28) for c in cohorts for x in (0.1, 0.5, 0.9)],
        ),
        "calibration": frame(
            "label metric value lo hi n events note",
            *[
                (c, m, v, v - 0.3, v + 0.3, 276, 118, note)
                for c in cohorts
                for m, v, note in (
                    ("calibration_intercept", 0.02, "1 of 276 scores clipped"),
                    ("calibration_slope", 0.9, None),
                    ("brier", 0.14, None),
                )
            ],
        ),
        "smooth": pd.concat(pd.DataFrame({"label": c, "score": grid, "observed": grid}) for c in cohorts),
        "scores": pd.concat(
            pd.DataFrame({"label": name, "score": s, "is_residual": np.where(s > 0.85, np.nan, (s > 0.5).astype(float))})
            for name, s in score.items()
        ),
        "band_sizes": frame("label band n", *[(name, band, 40) for name in score for band in BANDS]),
        "decision": pd.concat(
            pd.DataFrame({"label": name, "threshold": grid[1:-1], "net_benefit": level * (1 - grid[1:-1])})
            for name, level in (("ensemble", 0.4), ("elastic net", 0.35), ("SVM", 0.3), ("treat all", 0.1), ("treat none", 0.0))
        ),
        "decision_band": pd.DataFrame(
            {"label": "ensemble", "threshold": grid[1:-1], "lo": 0.3 * (1 - grid[1:-1]), "hi": 0.5 * (1 - grid[1:-1])}
        ),
        "confusion": frame(
            "label true_positive false_positive false_negative true_negative threshold",
            (cohorts[0], 103, 17, 15, 141, 0.4873),
            ("CQUCH", 10, 0, 5, 0, 0.4873),
        ),
        "at_threshold": frame(
            "label metric value lo hi note",
            (cohorts[0], "sensitivity", 0.8716, 0.801, 0.921, None),
            (cohorts[0], "kappa", 0.76, 0.68, 0.84, None),
            ("CQUCH", "kappa", None, None, None, "one class only"),
        ),
        "forest": frame(
            "group label value lo hi p n events note",
            ("Univariable", "HER2-LADDER score, per 0.1", 6.628, 4.445, 9.883, 1.706e-20, 358, 140, None),
            ("Univariable", "HER2 IHC 3+ (vs 2+)", 0.112, 0.05, 0.249, 7.9e-8, 358, 140, None),
            ("Univariable", "Clinical stage III (vs I)", 3.1, 0.4, 2400.0, 0.24, 358, 140, "Firth penalised fit: separation"),
            ("Adjusted for age and stage", "TILs, per 10 points", None, None, None, None, 40, 8, "< 5 events per parameter"),
        ),
        "comparison": frame(
            "cohort label value lo hi p n note",
            (cohorts[0], "HER2-LADDER", 0.88, 0.83, 0.92, None, 276, None),
            (cohorts[0], "HR status", 0.66, 0.6, 0.72, 3e-9, 270, None),
            (cohorts[1], "HER2-LADDER", 0.85, 0.75, 0.93, None, 82, None),
            (cohorts[1], "TILs", None, None, None, None, 0, "not recorded"),
        ),
        "rates": frame(
            "band regimen k n value lo hi",
            *[
                (b, r, 9 - 3 * i, 10, 0.9 - 0.3 * i, max(0.0, 0.6 - 0.3 * i), min(1.0, 0.98 - 0.2 * i))
                if (b, r) != ("Low", "TH+pyrotinib")
                else (b, r, 0, 0, None, None, None)
                for i, b in enumerate(BANDS)
                for r in REGIMENS
            ],
        ),
        "pairs": frame(
            "band a b p p_adjusted small_expected test family",
            *[
                (
                    b,
                    x,
                    y,
                    None if y == "TH+pyrotinib" else 1e-7,
                    None if y == "TH+pyrotinib" else 3e-6,
                    y == "THP",
                    "Pearson chi-square",
                    "Bonferroni, 30 planned comparisons",
                )
                for b in BANDS
                for i, x in enumerate(REGIMENS)
                for y in REGIMENS[i + 1 :]
            ],
        ),
        "steps": pd.concat(
            pd.DataFrame(
                {
                    "label": b,
                    "time": [5.0, 20.0, 40.0, 66.0],
                    "surv": s,
                    "lo": [v - 0.08 for v in s],
                    "hi": [min(1, v + 0.05) for v in s],
                    "n_censor": [0, 0, 2, 3],
                }
            )
            for b, s in zip(BANDS, ([1, 0.98, 0.95, 0.95], [0.99, 0.95, 0.9, 0.85], [0.95, 0.85, 0.8, 0.7]), strict=True)
        ),
        "at_risk": frame("label time n_risk", *[(b, t, int(94 - t)) for b in BANDS for t in (0, 12, 24, 36, 48, 60)]),
        "survival": frame("label n events median median_lo median_hi", *[(b, 94, 7, None, None, None) for b in BANDS]),
        "survival_tests": frame(
            "term metric value lo hi p test",
            ("High vs Low", "hazard_ratio", 2.94, 1.14, 7.61, 0.026, "Cox"),
            ("High vs Low", "logrank", None, None, None, 0.02, None),
        ),
        "values": pd.concat(
            pd.DataFrame({"feature": f, "group": b, "value": random.lognormal(i / 4, 0.5, 30)})
            for f in FEATURES[:3]
            for i, b in enumerate(BANDS)
        ),
        "rank_sums": frame(
            "feature a b p p_adjusted effect note",
            *[(f, "Low", "High", 4.2e-7, 5.8e-5, 0.41, "P between bands is descriptive") for f in FEATURES[:3]],
        ),
        "importance": frame(
            "model feature value source", *[(m, f, 0.1 / (i + 1), "HER2 IHC") for m in ("ensemble", "SVM") for i, f in enumerate(FEATURES)]
        ),
        "shap": pd.concat(
            pd.DataFrame(
                {
                    "model": m,
                    "feature": f,
                    "shap": random.normal(0, 0.1, 50),
                    "value": np.where(np.arange(50) < 3, np.nan, random.normal(size=50)),
                }
            )
            for m in ("ensemble", "SVM")
            for f in FEATURES
        ),
        "features": frame(
            "feature source family value",
            (FEATURES[0], "HER2 IHC", "Nsubgraph", 0.97),
            (FEATURES[2], "H&E", "Nsubgraph", 0.81),
            (FEATURES[3], "clinical", "clinical", None),
        ),
        "candidates": frame(
            "label value lo hi weight note",
            ("elastic net", 0.86, 0.82, 0.9, 0.61, None),
            ("k-NN", 0.74, 0.67, 0.79, None, None),
            ("MLP", None, None, None, None, "did not converge"),
        ),
        "bands": frame(
            "band lower upper suggestion n value lo hi regimen",
            ("Low", 0.0, 0.312, "De-escalation candidates: THP, TCbH/PCbH", 92, 0.88, 0.81, 0.93, "TCbHP/PCbHP"),
            ("Medium", 0.312, 0.587, "Standard: TCbHP/PCbHP", 92, 0.64, 0.54, 0.73, "TCbHP/PCbHP"),
            ("High", 0.587, 1.0, "Antibody-drug conjugate or TKI", 92, None, None, None, None),
        ),
        "flow": frame(
            "cohort step reason n",
            ("Construction and temporal validation", "enrolled", None, 372),
            ("Construction and temporal validation", "excluded", "no paired H&E and HER2 IHC slide", 14),
            ("Construction and temporal validation", "analysed", None, 358),
            ("CQUCH", "enrolled", None, 42),
            ("CQUCH", "analysed", None, 40),
        ),
    }
    return made


@pytest.fixture(scope="session")
def makers(frames: dict[str, pd.DataFrame]) -> dict[str, Maker]:
    """Every figure of the package, with everything on it that it can draw."""
    f = frames
    return {
        "roc": lambda s: roc_figure(f["roc"], f["auc"], bands=f["roc_band"], operating_points=f["roc_point"], sheet=s),
        "precision_recall": lambda s: precision_recall_figure(f["pr"], f["auc"], sheet=s),
        "calibration": lambda s: calibration_figure(f["bins"], f["calibration"], smooth=f["smooth"], scores=f["scores"], sheet=s),
        "decision": lambda s: decision_figure(f["decision"], n=276, events=118, bands=f["decision_band"], label="Construction", sheet=s),
        "confusion": lambda s: confusion_figure(f["confusion"], f["at_threshold"], sheet=s),
        "distribution": lambda s: distribution_figure(f["scores"], cuts=(0.312, 0.587), band_sizes=f["band_sizes"], sheet=s),
        "forest": lambda s: forest_figure(f["forest"], sheet=s),
        "comparison": lambda s: comparison_figure(f["comparison"], score="HER2-LADDER", sheet=s),
        "pcr_bars": lambda s: pcr_bars_figure(f["rates"], f["pairs"], cuts={"Low": "≤ 0.312"}, sheet=s),
        "kaplan_meier": lambda s: kaplan_meier_figure(f["steps"], f["at_risk"], f["survival"], tests=f["survival_tests"], sheet=s),
        "boxes": lambda s: boxes_figure(f["values"], f["rank_sums"], groups=BANDS, sheet=s),
        "beeswarm": lambda s: shap_beeswarm_figure(f["shap"], f["importance"], sheet=s),
        "shap_bars": lambda s: shap_bars_figure(f["importance"], n=50, sheet=s),
        "features": lambda s: feature_category_figure(f["features"], sheet=s),
        "candidates": lambda s: candidates_figure(f["candidates"], sheet=s),
        "schematic": lambda s: band_schematic_figure(f["bands"], sheet=s),
        "flow": lambda s: patient_flow_figure(f["flow"], sheet=s),
    }


class Drawn:
    """The texts that a figure really sets, each with the box it takes, pixels."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        width, height = figure.bbox.size
        renderer = RendererAgg(width, height, figure.dpi)
        found: dict[int, Text] = {}
        original = renderer.draw_text

        def note(gc: Any, x: float, y: float, s: str, prop: Any, angle: float, ismath: Any = False, mtext: Any = None) -> None:
            if mtext is not None:
                found[id(mtext)] = mtext
            original(gc, x, y, s, prop, angle, ismath, mtext)

        renderer.draw_text = note
        with journal_style():
            figure.draw(renderer)
        self.texts = [text for text in found.values() if text.get_text().strip()]
        self.boxes = [text.get_window_extent(renderer) for text in self.texts]

    @property
    def words(self) -> str:
        """All texts, lines that were wrapped joined again by blanks."""
        return " ".join(text.get_text().replace("\n", " ") for text in self.texts)

    def collisions(self) -> list[tuple[str, str]]:
        """Pairs of texts whose boxes, less the air of their lines, meet."""
        tight = [Bbox.from_extents(b.x0 + 1, b.y0 + 0.18 * b.height, b.x1 - 1, b.y1 - 0.18 * b.height) for b in self.boxes]
        return [
            (self.texts[i].get_text(), self.texts[j].get_text())
            for i in range(len(tight))
            for j in range(i + 1, len(tight))
            if tight[i].overlaps(tight[j])
        ]

    def outside(self) -> list[str]:
        """Texts that leave the page."""
        page = self.figure.bbox
        inside = [b.x0 >= page.x0 - 0.5 and b.x1 <= page.x1 + 0.5 and b.y0 >= page.y0 - 0.5 and b.y1 <= page.y1 + 0.5 for b in self.boxes]
        return [text.get_text() for text, is_in in zip(self.texts, inside, strict=True) if not is_in]


@pytest.fixture(scope="session")
def drawn() -> Callable[[Figure], Drawn]:
    return Drawn
