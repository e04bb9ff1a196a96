"""Which patients an analysis speaks of, their score and band, and how its numbers become rows of analysis_result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from her2ladder.errors import InputError
from her2ladder.queries.run import Run
from her2ladder.schema.store import Store
from her2ladder.schema.vocabulary import ROLES


@dataclass(frozen=True)
class Selection:
    """The cohorts (names or roles, pooled) and the setting that an analysis was asked for; empty means all."""

    cohorts: tuple[str, ...] = ()
    setting: str | None = None

    @property
    def label(self) -> str:
        """What analysis_result.cohort says: the names asked for."""
        return ",".join(self.cohorts) or "all"


def selection(text: str | None, setting: str | None, store: Store) -> Selection:
    """Return the selection that `--cohort A,B` and `--setting` mean.

    raises   InputError for a name that is neither a cohort of the store nor a role that one of them has
    """
    with store.reading() as con:
        found = con.sql("SELECT cohort, cohort_role FROM cohort ORDER BY cohort").fetchall()
    known = {name for name, _ in found} | {role for _, role in found if role}
    if text is None or not text.strip():
        names: tuple[str, ...] = ()
    elif text.strip() in known:
        names = (text.strip(),)  # a cohort whose own name has a comma in it
    else:
        names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    unknown = [name for name in names if name not in known]
    if unknown:
        way = f"; name a cohort, or give one the role: {give_role(unknown[0])}" if found and unknown[0] in ROLES else ""
        raise InputError(f"--cohort: no cohort or role called {unknown[0]!r} in this store; {_there(found)}{way}")
    if setting is not None and setting not in ("neoadjuvant", "adjuvant"):
        raise InputError(f"--setting: wanted neoadjuvant or adjuvant, found {setting!r}")
    return Selection(names, setting)


def _there(cohorts: Sequence[tuple[str, str | None]]) -> str:
    """Say which cohorts and roles a store has."""
    if not cohorts:
        return "there is no cohort yet (ladder ingest clinical)"
    roles = [role for role in ROLES if role in {held for _, held in cohorts}]
    names = ", ".join(sorted(name for name, _ in cohorts))
    return f"there is {names}; {'roles: ' + ', '.join(roles) if roles else 'none has a role'}"


def give_role(role: str) -> str:
    """Say how a cohort is given a role."""
    return f'cohort_role = {role} in its clinical table, or `[constants] cohort_role = "{role}"` in the column map'


def patients(this: Run, chosen: Selection, score_name: str | None = None) -> pd.DataFrame:
    """Return the patients of a selection, one row each, sorted by patient_id.

    With `score_name` the columns score, band and kind are added (NaN / None where a patient has none). Outcomes are float columns
    residual (1 = residual disease), os_event, dfs_event with NaN for missing; extra covariates keep their names.
    raises   MissingError-like InputError where there is no such score
    """
    frame = this.fetch("cohort/patients", cohorts=list(chosen.cohorts), setting=chosen.setting).to_pandas()
    for name in ("is_pcr", "os_event", "dfs_event"):
        frame[name] = frame[name].astype("object").map(lambda v: np.nan if v is None or v != v else float(v)).astype(float)
    frame["residual"] = 1.0 - frame["is_pcr"]
    if score_name is not None:
        check_score(this, score_name)
        scores = this.fetch("cohort/scores", score_name=score_name).to_pandas()
        # a covariate may be called score, band or kind too: the column is then the store's, and the covariate has its name with a mark
        frame = frame.rename(columns={name: f"{name} (covariate)" for name in ("score", "band", "kind") if name in frame.columns})
        frame = frame.merge(scores, on="patient_id", how="left", validate="one_to_one")
        frame["score"] = frame["score"].astype(float)
    return frame


def is_synthetic(frame: pd.DataFrame) -> bool:
    """Whether a simulated patient is among these: figures then say SYNTHETIC DATA.

    frame   columns patient_id and cohort
    """
    simulated = frame["patient_id"].astype(str).str.startswith("SYN-") | frame["cohort"].astype(str).str.lower().str.contains("synthetic")
    return bool(simulated.any())


def score_notes(frame: pd.DataFrame, score_name: str | None) -> tuple[str, ...]:
    """Return what a figure must say of its score: which it is, and that patients it was trained on have out-of-fold values.

    frame   patients, with the column kind where a score was asked for
    """
    if score_name is None:
        return ()
    is_trained = "kind" in frame and (frame["kind"] == "out_of_fold").any()
    return (f"score {score_name}", *(["training patients: out-of-fold scores"] if is_trained else []))


def unscored(frame: pd.DataFrame, score_name: str, who: str) -> str:
    """Return in words how many of these patients have no score and are in no model of it; '' where all have one.

    frame   patients, with the column score
    who     which patients they are: `with an outcome`
    """
    n = int(frame["score"].isna().sum())
    return f"{n} of {len(frame)} patients {who} {'has' if n == 1 else 'have'} no score {score_name}" if n else ""


def own_scale(frame: pd.DataFrame, score_name: str) -> str:
    """Return in words that the scores of these patients leave 0..1, so that 0.1 of them is no tenth of the scale; '' where they do not."""
    known = frame["score"].dropna()
    if known.between(0, 1).all():
        return ""
    return f"score {score_name} leaves 0..1 ({known.min():.4g} to {known.max():.4g}): per 0.1 of its own scale"


def check_score(this: Run, score_name: str) -> None:
    """Raise InputError where the store has no score of this name."""
    names = [name for (name,) in this.con.sql("SELECT DISTINCT score_name FROM score_current ORDER BY 1").fetchall()]
    if score_name not in names:
        there = f"there is {', '.join(names)}" if names else "train one (ladder train) or bring one (ladder ingest scores)"
        raise InputError(f"no score called {score_name!r}; {there}")
