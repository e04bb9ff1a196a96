"""The figures of an evaluation: PNG, SVG and the CSV behind each, every CSV naming the run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from her2ladder.analytics.cohort.selection import is_synthetic, score_notes
from her2ladder.analytics.evaluate import frames
from her2ladder.analytics.evaluate.figures.calibration import calibration_figure
from her2ladder.analytics.evaluate.figures.comparison import comparison_figure
from her2ladder.analytics.evaluate.figures.confusion import confusion_figure
from her2ladder.analytics.evaluate.figures.decision import decision_figure
from her2ladder.analytics.evaluate.figures.distributions import distribution_figure
from her2ladder.analytics.evaluate.figures.feature_sets import candidates_figure, feature_category_figure
from her2ladder.analytics.evaluate.figures.precision_recall import precision_recall_figure
from her2ladder.analytics.evaluate.figures.roc import roc_figure
from her2ladder.analytics.evaluate.frames import Curve, Numbers
from her2ladder.analytics.evaluate.groups import Group
from her2ladder.analytics.evaluate.rows import member_scores
from her2ladder.analytics.evaluate.stage import SEED, Evaluation
from her2ladder.analytics.figures.save import save_figure
from her2ladder.analytics.figures.style import COLUMN_MM, PAGE_MM, Sheet
from her2ladder.analytics.model.composition import candidates_tried, features_selected
from her2ladder.analytics.results.files import write_rows
from her2ladder.schema.vocabulary import ROLES

MOST_BANDS = 3
"""Curves in one figure beyond which their bands would cover each other: then each cohort's own figure has its band."""
CI_NOTE = f"AUC: DeLong CI, on the logit where n < {frames.SMALL} or AUC > {frames.HIGH_AUC}"
METRICS = ("calibration_intercept", "calibration_slope", "calibration_in_the_large", "brier")


def write_pictures(done: Evaluation, folder: Path) -> list[Path]:
    """Write every figure and the rows into a folder; return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = _Pictures(done, folder)
    cohorts = [group for group in done.groups if not group.by]
    shown = cohorts[1:] or cohorts  # the roles where there are any; the pool is their sum
    pictures.curves("", shown)
    for group in shown:
        pictures.of_cohort(group)
    pictures.calibration(shown)
    pictures.distribution(shown)
    pictures.comparison("", shown)
    for variable in dict.fromkeys(group.by for group in done.groups if group.by):
        levels = [group for group in done.groups if group.by == variable]
        pictures.curves(f"_by_{variable}", levels)
        pictures.comparison(f"_by_{variable}", levels)
    pictures.model()
    return [*pictures.written, *write_rows(done.rows, folder / "evaluate_rows")]


class _Pictures:
    def __init__(self, done: Evaluation, folder: Path) -> None:
        self._done, self._folder = done, folder
        self._numbers = Numbers(done.rows)
        self._synthetic = is_synthetic(done.people)
        self.written: list[Path] = []

    def curves(self, ending: str, groups: Sequence[Group]) -> None:
        """ROC, precision-recall and confusion matrices of several groups together."""
        curves = [Curve(_label(group), group.outcome, group.score) for group in groups]
        self._roc(f"roc{ending}", curves, groups, [self._done.score_name] * len(groups), PAGE_MM)
        summary = [self._numbers.summary(_label(group), self._numbers.row(group, self._done.score_name, "ap")) for group in groups]
        points, told = frames.pr_frame(curves), pd.DataFrame(summary)
        figure = precision_recall_figure(points, told, sheet=self._sheet("Precision-recall", PAGE_MM))
        self._save(f"precision_recall{ending}", figure, {"points": points, "summary": told})
        counts, metrics = frames.confusion_frames(self._numbers, [(_label(group), group) for group in groups], self._done.score_name)
        is_crossfitted = metrics["note"].astype(str).str.startswith("cross-fitted").any()
        told_of = "cross-fitted: at thresholds that never saw the patient" if is_crossfitted else ""
        sheet = self._sheet("Confusion at the frozen threshold", PAGE_MM).noting(told_of)
        self._save(f"confusion{ending}", confusion_figure(counts, metrics, sheet=sheet), {"counts": counts, "rates": metrics})

    def of_cohort(self, group: Group) -> None:
        """ROC of one cohort with its band, the apparent curve beside it; decision curves of the vote and its members."""
        done, name = self._done, _file_word(_label(group))
        curves, terms = [Curve(done.score_name, group.outcome, group.score)], [done.score_name]
        if done.trained is not None:
            own = group.frame["patient_id"].isin(done.trained.apparent.index).to_numpy()
            if own.any():
                apparent = done.trained.apparent.loc[group.frame.loc[own, "patient_id"]].to_numpy(np.float64)
                terms.append(f"{done.score_name} (apparent)")
                curves.append(Curve(terms[-1], group.outcome[own], apparent))
        self._roc(f"roc_{name}", curves, [group] * len(curves), terms, COLUMN_MM, _label(group))
        curves = curves[:1]
        if done.trained is not None:
            curves += [Curve(member, *member_scores(group, done.trained.members[member])) for member in done.trained.members.columns]
        points, bands, differences = frames.decision_frames(curves, SEED)
        n, events = len(group.outcome), int(group.outcome.sum())
        sheet = self._sheet("Decision curves", COLUMN_MM)
        figure = decision_figure(points, n=n, events=events, main=done.score_name, bands=bands, label=_label(group), sheet=sheet)
        self._save(f"decision_{name}", figure, {"points": points, "band": bands, "differences": differences})

    def calibration(self, groups: Sequence[Group]) -> None:
        """Calibration, a panel a cohort."""
        bins, smooth, scores = frames.calibration_frames([Curve(_label(group), group.outcome, group.score) for group in groups])
        rows = [(group, metric, self._numbers.row(group, self._done.score_name, metric)) for group in groups for metric in METRICS]
        summary = pd.DataFrame([{**self._numbers.summary(_label(group), row), "metric": metric} for group, metric, row in rows])
        figure = calibration_figure(bins, summary, smooth=smooth, scores=scores, sheet=self._sheet("Calibration", PAGE_MM))
        self._save("calibration", figure, {"bins": bins, "smooth": smooth, "summary": summary})

    def distribution(self, groups: Sequence[Group]) -> None:
        """Scores by response with the tertile cuts, everyone with a score, whether the outcome is known or not."""
        bands, people = self._done.bands, self._done.people
        role = people["cohort_role"].where(people["cohort_role"].notna(), people["cohort"]).astype(str).map(_said)
        named = pd.Series(_label(groups[0]), index=people.index) if self._done.groups[0].chosen.cohorts else role
        scores = pd.DataFrame({"label": named, "score": people["score"], "is_residual": people["residual"], "band": people["band"]})
        scores = scores[scores["score"].notna()]
        sizes = scores.groupby(["label", "band"], sort=False).size().rename("n").reset_index()
        cuts = (bands["low_max"], bands["medium_max"]) if bands else None
        sheet = self._sheet("Scores by response", PAGE_MM)
        figure = distribution_figure(scores, cuts=cuts, score_name=self._done.score_name, band_sizes=sizes, sheet=sheet)
        self._save("distribution", figure, {"scores": scores, "bands": sizes})

    def comparison(self, ending: str, groups: Sequence[Group]) -> None:
        """The score beside every rival, a panel a group."""
        if not self._done.rivals:
            return
        names = [rival.name for rival in self._done.rivals]
        rows = frames.comparison_frame(self._numbers, [(_label(group), group) for group in groups], self._done.score_name, names)
        sizes = {_label(group): (len(group.outcome), int(group.outcome.sum())) for group in groups}
        sheet = self._sheet("The score beside clinical variables", PAGE_MM).noting(CI_NOTE)
        self._save(f"comparison{ending}", comparison_figure(rows, score=self._done.score_name, sizes=sizes, sheet=sheet), {"": rows})

    def model(self) -> None:
        """Candidates tried and features selected, of a score that a model of the store made."""
        found = self._done.trained
        if found is None:
            return
        people = self._done.people.dropna(subset=["residual"]).set_index("patient_id")["residual"]
        tried, chosen = candidates_tried(found, people), features_selected(found)
        notes = ("out-of-fold AUC of each candidate alone, CI on the logit", f"{found.summary['budget']} draws a candidate")
        self._save("candidates", candidates_figure(tried, sheet=self._sheet("Candidates", COLUMN_MM).noting(*notes)), {"": tried})
        voting = chosen[chosen["is_in_vote"]]
        sheet = self._sheet("Features of the final vote", COLUMN_MM)
        figure = feature_category_figure(voting, measure="Share of outer folds whose vote sees it", sheet=sheet)
        self._save("features", figure, {"": chosen})

    def _roc(self, stem: str, curves: Sequence[Curve], groups: Sequence[Group], terms: Sequence[str], width: float, what: str = "") -> None:
        points, bands = frames.roc_frames(curves, SEED)
        rows = [self._numbers.auc(group, term) for group, term in zip(groups, terms, strict=True)]
        summary = pd.DataFrame([self._numbers.summary(curve.label, row) for curve, row in zip(curves, rows, strict=True)])
        mark = self._operating(curves[0].label, groups[0], terms[0]) if what else None
        marks = pd.DataFrame([mark]) if mark else None
        shown = bands if len(curves) <= MOST_BANDS else None
        sheet = self._sheet(f"ROC{f', {what}' if what else ''}", width).noting(CI_NOTE)
        figure = roc_figure(points, summary, bands=shown, operating_points=marks, sheet=sheet)
        self._save(stem, figure, {"points": points, "band": bands, "summary": summary})

    def _operating(self, label: str, group: Group, term: str) -> dict[str, object] | None:
        found = {name: self._numbers.row(group, term, name) for name in ("sensitivity", "specificity")}
        values = {name: row["value"] for name, row in found.items() if row is not None and row["value"] is not None}
        if len(values) < 2:
            return None
        cut = self._done.bands["threshold"]
        return {"label": label, "false_positive_rate": 1 - values["specificity"], "sensitivity": values["sensitivity"], "threshold": cut}

    def _sheet(self, title: str, width: float) -> Sheet:
        notes = score_notes(self._done.groups[0].frame, self._done.score_name)
        return Sheet(width, title=title, notes=notes, run_ids=(self._done.run,), synthetic=self._synthetic)

    def _save(self, stem: str, figure: Figure, data: Mapping[str, pd.DataFrame]) -> None:
        named = {name or stem: frame.assign(run=self._done.run, score_name=self._done.score_name) for name, frame in data.items()}
        self.written += save_figure(figure, self._folder / stem, named)


def _label(group: Group) -> str:
    return _said(group.chosen.label if group.subgroup == "all" else group.subgroup)


def _said(name: str) -> str:
    """Return a role as words; a cohort's name is the user's own and stays."""
    return name.replace("_", " ") if name in ROLES else name


def _file_word(label: str) -> str:
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", label).strip("_") or "cohort"
