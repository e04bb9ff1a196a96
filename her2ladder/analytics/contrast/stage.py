"""The stage behind `ladder contrast`: every feature between bands (or any two groups), and between response groups beside it.

P between bands is descriptive: bands are functions of these features. Population: construction and temporal validation, construction
patients in the band of their out-of-fold score (*chosen*).
source   statistics.md, Contrasts; paper, Fig. 6b-e and 7a-d
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from her2ladder.analytics.cohort.bands import freeze_bands
from her2ladder.analytics.cohort.groups import labels_of, levels_of, pairs_of
from her2ladder.analytics.cohort.selection import Selection, patients
from her2ladder.analytics.contrast.features import PAPER, FeatureTable, feature_values
from her2ladder.analytics.results.rows import result_row, with_run
from her2ladder.analytics.statistics.contrast import RankSum, contrast_table
from her2ladder.analytics.statistics.estimate import Estimate
from her2ladder.errors import InputError
from her2ladder.queries.run import run
from her2ladder.schema.store import Store
from her2ladder.schema.tables import ANALYSIS_RESULT

POPULATION = ("construction", "temporal_validation")
RESPONSE = ("residual", "pCR")
DESCRIPTIVE = "descriptive: bands are functions of these features"
AREA = "Nsubgraph grows with tissue area"
MOST_PANELS = 12
TESTS = ("feature", "between", "a", "b", "p", "p_adjusted", "effect")
_CLINICAL_RIVAL = "-clinical"  # scores of age, stage and HR alone: no bands of features


@dataclass(frozen=True)
class Between:
    """One grouping of the patients and the pairs of its groups that are contrasted."""

    column: str
    labels: list[str | None]
    groups: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    note: str = ""


@dataclass(frozen=True)
class Contrasted:
    """What a contrast found.

    values   feature, between, group, value: what the box plots draw
    tests    feature, between, a, b, p, p_adjusted, effect
    """

    run: str
    rows: list[dict[str, Any]]
    betweens: tuple[Between, ...]
    values: pd.DataFrame
    tests: pd.DataFrame
    units: dict[str, str]
    drawn: tuple[str, ...]
    cohort: str
    score_name: str | None
    source: str
    patients: pd.DataFrame
    left_out: dict[str, int] = field(default_factory=dict)


def contrast(
    store: Store,
    chosen: Selection,
    between: str = "band",
    *,
    score_name: str | None = None,
    features: str | None = None,
    pairs: str | None = None,
) -> Contrasted:
    """Write rank-sum contrasts of features between groups, medians, and the same contrasts by response.

    score_name  score whose bands are meant; where it is None, the only one there is
    features    as `feature_values`;  pairs: `A,B` or `all`; default High,Low for bands, all pairs for a covariate
    raises      InputError in one line: no features, no such column, fewer than two groups
    """
    used = _score(store, score_name) if between == "band" else None
    if used is not None:
        freeze_bands(store, used)
    asked = {
        "between": between,
        "score_name": used,
        "features": features,
        "pairs": pairs,
        "cohort": chosen.label,
        "setting": chosen.setting,
    }
    with run(store, "contrast", asked) as this:
        people = patients(this, chosen, used)
        if people.empty:
            raise InputError(f"--cohort {chosen.label}: no patient to contrast; bring a clinical table (ladder ingest clinical)")
        table = feature_values(this, features, people)
        betweens = [_between(people, between, pairs)]
        if between != "is_pcr":
            betweens.append(_response(people))
        rows: list[dict[str, Any]] = []
        tests: list[dict[str, Any]] = []
        for one in betweens:
            made, found = _contrast(one, table, chosen, used)
            rows += made
            tests += found
        left_out = _left_out(people, betweens, table)
        rows += [
            result_row("contrast", chosen, "left_out", Estimate(float(n), None, None, n=len(people)), term=why, score_name=used)
            for why, n in left_out.items()
        ]
        this.append(ANALYSIS_RESULT, rows)
    tested = pd.DataFrame(tests, columns=list(TESTS))
    drawn = _drawn(table, tested, features)
    return Contrasted(
        run=this.id,
        rows=with_run(rows, this.id),
        betweens=tuple(betweens),
        values=_values(betweens, table, drawn),
        tests=tested,
        units=table.units,
        drawn=drawn,
        cohort=chosen.label,
        score_name=used,
        source=table.source,
        patients=people,
        left_out=left_out,
    )


def default_population(store: Store) -> str | None:
    """Return the roles that a contrast speaks of where none are asked for; None (all) where the store has neither."""
    with store.reading() as con:
        roles = {role for (role,) in con.sql("SELECT DISTINCT cohort_role FROM cohort").fetchall()}
    return ",".join(role for role in POPULATION if role in roles) or None


def _score(store: Store, asked: str | None) -> str:
    """Return the score asked for, or the only one whose bands can be meant: a trained model's before imported ones."""
    if asked is not None:
        return asked
    with store.reading() as con:
        held = con.sql("SELECT score_name, bool_or(kind = 'imported') FROM score_current GROUP BY score_name ORDER BY 1").fetchall()
    trained = [name for name, is_imported in held if not is_imported and not name.endswith(_CLINICAL_RIVAL)]
    candidates = trained or [name for name, is_imported in held if is_imported]
    if len(candidates) == 1:
        return str(candidates[0])
    there = f"there is {', '.join(candidates)}" if candidates else "train one (ladder train) or bring one (ladder ingest scores)"
    raise InputError(f"--between band: wanted --score NAME; {there}")


def _between(people: pd.DataFrame, column: str, pairs: str | None) -> Between:
    if column == "is_pcr":
        labels = _response_labels(people)
        groups: tuple[str, ...] = RESPONSE
    else:
        labels = labels_of(people, column, "--between")
        groups = levels_of(labels, column, "--between")
    if len([group for group in groups if group in labels]) < 2:
        present = ", ".join(group for group in groups if group in labels) or "none"
        raise InputError(f"--between {column}: wanted at least two groups with patients, found {present}")
    return Between(column, labels, groups, _pairs(column, groups, pairs), DESCRIPTIVE if column == "band" else "")


def _pairs(column: str, groups: tuple[str, ...], asked: str | None) -> tuple[tuple[str, str], ...]:
    """Return the pairs `A vs B`; between bands the higher one is A."""
    every = [(b, a) for a, b in pairs_of(groups)][::-1] if column == "band" else pairs_of(groups)
    if asked == "all" or (asked is None and column != "band"):
        return tuple(every)
    named = tuple(part.strip() for part in asked.split(",")) if asked is not None else ("High", "Low")
    if len(named) != 2 or named[0] == named[1] or not set(named) <= set(groups):
        raise InputError(f"--pairs: wanted all, or two of {', '.join(groups)} as A,B, found {asked!r}")
    return ((named[0], named[1]),)


def _response(people: pd.DataFrame) -> Between:
    return Between("is_pcr", _response_labels(people), RESPONSE, (RESPONSE,))


def _response_labels(people: pd.DataFrame) -> list[str | None]:
    words = {0.0: RESPONSE[0], 1.0: RESPONSE[1]}
    return [words.get(value) for value in people["is_pcr"]]


def _contrast(
    one: Between, table: FeatureTable, chosen: Selection, score_name: str | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return rows and tests of every pair and feature; P is adjusted over the features of one pair."""
    names = list(table.frame.columns)
    label = np.array(one.labels, dtype=object)
    if not any(value is not None for value in one.labels):
        none = Estimate(None, None, None, n=0, note=f"no patient has a value of {one.column}")
        return [result_row("contrast", chosen, "rank_sum", none, subgroup=f"{a} vs {b}", score_name=score_name) for a, b in one.pairs], []
    rows: list[dict[str, Any]] = []
    tests: list[dict[str, Any]] = []
    for a, b in one.pairs:
        for found in contrast_table(table.frame.to_numpy(float), label == a, label == b, names):
            rows += _rank_sum_rows(found, f"{a} vs {b}", len(names), one.note, chosen, score_name)
            told = {"feature": found.feature, "between": one.column, "a": a, "b": b, "p": found.p, "p_adjusted": found.p_fdr}
            tests.append(told | {"effect": found.rank_biserial})
    for group in one.groups:
        part = table.frame[label == group]
        for name in names:
            known = part[name].dropna()
            median = float(known.median()) if len(known) else None
            note = "" if len(known) else "no value"
            estimate = Estimate(median, None, None, n=len(known), test="median", note=note)
            rows.append(result_row("contrast", chosen, "median", estimate, subgroup=group, term=name, score_name=score_name))
    return rows, tests


def _rank_sum_rows(
    found: RankSum, subgroup: str, n_features: int, note: str, chosen: Selection, score_name: str | None
) -> list[dict[str, Any]]:
    """Return a contrast twice, adjusted in two ways; value is the rank-biserial effect, positive where A is higher."""
    parts = [found.note, note, AREA if found.feature.endswith("_Nsubgraph") else ""]
    parts.append(f"{found.n_missing} patients of the two groups have no value" if found.n_missing else "")
    told = "; ".join(part for part in (f"n {found.n_a} vs {found.n_b}", *parts) if part)
    estimate = Estimate(found.rank_biserial, None, None, found.p, found.n_a + found.n_b, None, f"{found.test}; value: rank-biserial", told)
    return [
        result_row(
            "contrast", chosen, metric, estimate, subgroup=subgroup, term=found.feature, p_adjusted=adjusted,
            family=f"{name}, {n_features} features", score_name=score_name,
        )
        for metric, adjusted, name in (
            ("rank_sum", found.p_fdr, "Benjamini-Hochberg"),
            ("rank_sum_bonferroni", found.p_bonferroni, "Bonferroni"),
        )
    ]  # fmt: skip


def _left_out(people: pd.DataFrame, betweens: Sequence[Between], table: FeatureTable) -> dict[str, int]:
    """Return how many patients are in no group, and how many have none of the features."""
    counted = {f"no {one.column}": sum(label is None for label in one.labels) for one in betweens}
    counted["none of the features"] = int(table.frame.isna().all(axis=1).sum())
    return {why: n for why, n in counted.items() if n}


def _drawn(table: FeatureTable, tests: pd.DataFrame, asked: str | None) -> tuple[str, ...]:
    """Return the features to draw: those asked for, else the paper's, else the ones with the smallest P (at most twelve)."""
    names = list(table.frame.columns)
    if asked and not asked.endswith(":"):
        return tuple(names[:MOST_PANELS])
    paper = tuple(name for name in PAPER if name in names)
    if paper:
        return paper
    first = tests[tests["p"].notna()].sort_values("p", kind="stable")["feature"]
    return tuple(dict.fromkeys(first))[:MOST_PANELS]


def _values(betweens: Sequence[Between], table: FeatureTable, drawn: tuple[str, ...]) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"feature": name, "between": one.column, "group": one.labels, "value": table.frame[name].to_numpy(float)})
        for one in betweens
        for name in drawn
    ]
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["feature", "between", "group", "value"])
    return frame[frame["group"].notna()].reset_index(drop=True)
