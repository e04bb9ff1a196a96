"""What a methods section says of a run: who was analysed, which tests, what was adjusted and chosen, which software; all read from the store.

No test is named that the run's rows do not name: the sentences are written from the rows and arguments, never from what a stage usually does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from her2ladder.analytics.report.references import cited_in
from her2ladder.errors import InputError, MissingError
from her2ladder.schema.store import Store

Arguments = dict[str, Any]
LIBRARIES = {
    "train": ("scikit-learn", "xgboost-cpu"),
    "features": ("numba",),
    "survival": ("lifelines", "scipy"),
    "odds": ("statsmodels", "scipy"),
}
TEST_METRICS = {  # the metrics whose tests a methods section names; further rows (counts, curves) say no more
    "evaluate": ("auc_logit", "ap", "auc_difference", "sensitivity", "kappa", "brier", "calibration_slope", "net_benefit", "threshold"),
    "odds": ("odds_ratio", "odds_ratio_adjusted", "interaction"),
    "compare": ("pcr_rate", "pcr_comparison"),
    "survival": ("survival_at", "logrank", "hazard_ratio", "ph_test", "c_index", "median_followup", "rmst", "rmst_difference"),
    "contrast": ("rank_sum",),
    "table1": ("fisher_exact", "chi_square", "kruskal_wallis", "median_iqr", "smd"),
    "explain": ("mean_abs_shap",),
}
WORDS = {  # of a metric; the others read well with blanks
    "auc_logit": "area under the ROC curve",
    "ap": "average precision",
    "auc_difference": "difference of two AUCs",
    "brier": "Brier score",
    "pcr_rate": "pCR rate",
    "pcr_comparison": "comparison of pCR rates",
    "survival_at": "survival at given times",
    "logrank": "comparison of curves",
    "ph_test": "proportional hazards",
    "c_index": "concordance",
    "median_followup": "median follow-up",
    "rmst": "restricted mean survival time",
    "rank_sum": "difference of features",
    "fisher_exact": "association, small counts",
    "chi_square": "association",
    "kruskal_wallis": "difference of numbers",
    "median_iqr": "median and quartiles",
    "smd": "standardised mean difference",
    "mean_abs_shap": "mean absolute contribution",
    "threshold": "threshold of the score",
}
COUNTED = {
    "evaluate": ("auc_logit", "with residual disease"),
    "compare": ("pcr_rate", "with pCR"),
    "odds": ("odds_ratio", "with the outcome"),
    "survival": ("c_index", "with an event"),
}


@dataclass(frozen=True)
class Methods:
    """The sentences about one run, and what they cite."""

    run: str
    stage: str
    text: str
    references: tuple[str, ...]


def methods_of(store: Store, run: str) -> Methods:
    """Return the methods text of one run.

    raises   MissingError where there is no such run; InputError where its stage is no analysis, or a later run took its rows' place
    """
    with store.reading() as con:
        found = con.execute("SELECT stage, arguments, seed, versions FROM run WHERE run = ?", [run]).fetchall()
        if not found:
            raise MissingError(f"no run called {run!r}; `ladder runs` lists them")
        stage, arguments, seed, versions = found[0]
        if stage not in SENTENCES:
            raise InputError(f"run {run}: there is methods text for {', '.join(SENTENCES)}; this run is {stage!r}")
        rows = con.execute(
            "SELECT metric, subgroup, test, family, n, events FROM analysis_result WHERE run = ? ORDER BY ALL", [run]
        ).fetchall()
        n_slides = con.execute(
            "SELECT count(DISTINCT (slide_id, stain)) FROM slide_feature WHERE feature_set = ?", [_set(arguments)]
        ).fetchall()[0][0]
        again = con.execute("SELECT max(run) FROM run WHERE stage = ? AND arguments = ? AND run > ?", [stage, arguments, run]).fetchall()[
            0
        ][0]
    if stage in TEST_METRICS and not rows:
        held = f"it was made again as {again}: `ladder methods {again}`" if again else "it wrote none"
        raise InputError(f"run {run}: the store shows no rows of it; {held}")
    asked = json.loads(arguments)
    sentences = [SENTENCES[stage](asked), *_slides(stage, n_slides), *_sizes(stage, rows), *_tests(stage, rows), *_family(stage, rows)]
    if seed is not None:
        sentences.append(f"Random numbers came from seed {seed}.")
    sentences.append(_software(stage, json.loads(versions), run))
    text = " ".join(sentence for sentence in sentences if sentence)
    return Methods(run, stage, text, tuple(cited_in([text])))


_NEWEST = """
SELECT stage, max(run) FROM run
WHERE stage <> 'features' OR coalesce(json_array_length(arguments -> '$.within'), 0) = 0  -- the features of a paper are those of whole slides
GROUP BY stage
"""


def newest(store: Store) -> list[str]:
    """Return the newest run of each kind of analysis, in the order in which a paper tells them."""
    with store.reading() as con:
        last = dict(con.sql(_NEWEST).fetchall())
    return [last[stage] for stage in SENTENCES if stage in last]


def _population(asked: Arguments) -> str:
    cohort, setting = asked.get("cohort"), asked.get("setting")
    where = "all cohorts" if cohort in (None, "all") else str(cohort).replace(",", ", ")
    return where + (f" ({setting})" if setting else "")


def _sizes(stage: str, rows: Sequence[tuple[Any, ...]]) -> list[str]:
    """How many patients the analysis has, and how many with the outcome; the largest row of all patients together."""
    if stage not in COUNTED:
        return []
    metric, outcome = COUNTED[stage]
    sizes = [(n, events) for name, subgroup, _, _, n, events in rows if name == metric and subgroup == "all" and n is not None]
    if not sizes:
        return []
    n, events = max(sizes, key=lambda size: (size[0], size[1] or 0))
    return [f"There were {n:,} patients" + ("." if events is None else f", {events:,} {outcome}.")]


def _tests(stage: str, rows: Sequence[tuple[Any, ...]]) -> list[str]:
    named: dict[str, list[str]] = {}
    for metric, _, test, *_ in rows:
        if test:
            named.setdefault(metric, []).append(test)
    told = [
        f"{WORDS.get(metric, metric.replace('_', ' '))}: {' | '.join(_without_df(named[metric]))}"
        for metric in TEST_METRICS.get(stage, ())
        if named.get(metric)
    ]
    return ["Methods: " + ". ".join(told).replace("; value: rank-biserial", ", effect size rank-biserial") + "."] if told else []


def _without_df(tests: Sequence[str]) -> list[str]:
    """The degrees of freedom belong to a row, not to the method; a name that begins a longer one says nothing more."""
    plain = dict.fromkeys(test.split(", df ")[0] for test in tests)
    return [test for test in plain if not any(other != test and other.startswith(test) for other in plain)]


def _family(stage: str, rows: Sequence[tuple[Any, ...]]) -> list[str]:
    """How P values were adjusted for their number; a family of survival rows is an endpoint and says nothing here."""
    if stage not in ("compare", "contrast", "evaluate"):
        return []
    wanted = ("Bonferroni", "Benjamini", "Holm", "unadjusted", "not adjusted")
    told = (part for metric, _, _, family, _, _ in rows if metric in TEST_METRICS[stage] for part in (family or "").split("; "))
    families = list(dict.fromkeys(part for part in told if any(word in part for word in wanted)))
    return [f"Adjustment of P for multiple tests: {'; '.join(families)}."] if families else []


def _software(stage: str, versions: dict[str, str], run: str) -> str:
    named = ("her2ladder", *LIBRARIES.get(stage, ("scipy",)))
    listed = ", ".join(f"{name} {versions[name]}" for name in named if name in versions)
    return f"Software: {listed}, Python {versions.get('python', 'not recorded')} (run {run})."


def _set(arguments: str) -> str:
    within = json.loads(arguments).get("within") or []
    return f"sc-mtop@{','.join(within)}" if within else "sc-mtop"


def _slides(stage: str, n: int) -> list[str]:
    """How many slides have values now: a run is one publish of several, so that its own number says little."""
    return [f"Values of {n:,} {'slide' if n == 1 else 'slides'} stand in the store."] if stage == "features" else []


def _features(asked: Arguments) -> str:
    within, left_out = asked.get("within") or [], asked.get("leave_out") or []
    return (
        "Spatial features were computed from segmented cells by the rules of sc-MTOP: cells of two classes are"
        f" joined to their up to {asked['k']} nearest within {asked['radius_um']:g} um; slide values are means over the cells of the first class."
        + (f" Only cells in regions of class {' or '.join(within)} were counted." if within else "")
        + (f" Cells of tiles flagged as {' or '.join(left_out)} were left out." if left_out else "")
    )


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"


def _train(asked: Arguments) -> str:
    folds = "leave-one-out" if asked["folds"] == 0 else f"{asked['folds']} folds stratified by outcome, {_times(asked['repeats'])}"
    return (
        f"The score {asked['name']} was trained on {_population(asked)} to predict residual disease from the features {asked['features']} and"
        f" {', '.join(asked['clinical']) or 'no clinical variable'}, by nested cross-validation ({folds};"
        f" {asked['budget']} parameter draws a candidate); filters, imputation, scaling, selection, tuning, vote, band limits and threshold"
        " were learned inside the training folds. Training patients are judged by their out-of-fold scores."
    )


def _table1(asked: Arguments) -> str:
    return f"Baseline characteristics of {_population(asked)} are given by {asked['by']}; missing values stand in no denominator."


def _evaluate(asked: Arguments) -> str:
    rivals = "all clinical variables" if asked["against"] is None else ", ".join(asked["against"]) or "none"
    return f"The score {asked['score']} was evaluated for residual disease in {_population(asked)}; compared with: {rivals}."


def _odds(asked: Arguments) -> str:
    what = f"the score {asked['score']} (per 0.1)" if asked["score"] else asked["by"]
    within = f", also within each level of {asked['within']}" if asked["within"] else ""
    outcome = "residual disease" if asked["outcome"] == "residual" else "pCR"
    adjusted = f" The multivariable model was adjusted for {', '.join(asked['adjust'])}." if asked["adjust"] else ""
    return f"Odds of {outcome} were modelled by {what} in {_population(asked)}{within}.{adjusted}"


def _compare(asked: Arguments) -> str:
    bands = f" Bands are tertiles of the score {asked['score_name']} in construction patients, frozen." if asked["score_name"] else ""
    return f"Rates of pathological complete response were compared by {asked['by'].replace(',', ' and ')} in {_population(asked)}.{bands}"


def _survival(asked: Arguments) -> str:
    by = f"{asked['by']} of the score {asked['score_name']}" if asked["by"] == "band" else asked["by"]
    adjusted = f" Adjusted models held {', '.join(asked['adjust'])}." if asked["adjust"] else ""
    return f"The endpoint {asked['endpoint']} was analysed by {by} in {_population(asked)}.{adjusted}"


def _contrast(asked: Arguments) -> str:
    descriptive = " P between bands is descriptive, because bands are functions of these features." if asked["between"] == "band" else ""
    return f"Features were contrasted between groups of {asked['between']}, and by response, in {_population(asked)}.{descriptive}"


def _explain(asked: Arguments) -> str:
    return f"Contributions to the score {asked['model']} were estimated for {asked['cohort']} with {asked['walks']} permutation walks a patient."


SENTENCES: dict[str, Callable[[Arguments], str]] = {
    "features": _features,
    "train": _train,
    "table1": _table1,
    "evaluate": _evaluate,
    "explain": _explain,
    "odds": _odds,
    "compare": _compare,
    "survival": _survival,
    "contrast": _contrast,
}
